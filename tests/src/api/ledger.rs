//! What the hub said it did, and what it must never say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;

/// A write that was answered 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acknowledged {
    /// A cluster of this name exists.
    Cluster(String),
    /// An application has this revision or a later one.
    Application {
        /// Its name.
        name: String,
        /// The revision that was answered.
        revision: u64,
    },
    /// An operation was written.
    Operation {
        /// Its id.
        id: String,
        /// Of which application.
        application: String,
    },
    /// An application is gone or on its way out.
    Deletion {
        /// Its name.
        name: String,
        /// What happens to its objects.
        cascade: String,
    },
}

/// Shared memory of a client and its clones.
#[derive(Debug, Default)]
pub struct Ledger {
    acknowledged: Mutex<Vec<Acknowledged>>,
    canaries: Mutex<Vec<String>>,
    leaks: Mutex<Vec<String>>,
}

impl Ledger {
    /// Remembers a write.
    pub fn acknowledge(&self, write: Acknowledged) {
        self.acknowledged.lock().push(write);
    }

    /// Every write so far, in order.
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().clone()
    }

    /// A secret that must appear nowhere from now on, neither as it is nor in base64.
    pub fn never_show(&self, canary: &str) {
        self.canaries.lock().push(canary.to_owned());
    }

    /// The texts that must appear nowhere.
    pub fn forbidden(&self) -> Vec<String> {
        let canaries = self.canaries.lock();
        canaries.iter().flat_map(|canary| [canary.clone(), inner_base64(canary)]).collect()
    }

    /// Remembers `place` when a canary is in `text`.
    pub fn look_for_canaries(&self, place: &str, text: &str) {
        if self.forbidden().iter().any(|canary| text.contains(canary)) {
            self.leaks.lock().push(place.to_owned());
        }
    }

    /// The calls whose answers had a canary in them.
    pub fn leaks(&self) -> Vec<String> {
        self.leaks.lock().clone()
    }
}

/// The base64 of a text without its last, incomplete group.
fn inner_base64(text: &str) -> String {
    let whole = text.len() / 3 * 3;
    BASE64.encode(&text.as_bytes()[..whole])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_as_it_is_and_in_base64() {
        let ledger = Ledger::default();
        ledger.never_show("canary-1234");
        ledger.look_for_canaries("fine", "nothing here");
        ledger.look_for_canaries("plain", "x canary-1234 y");
        // With a letter behind it, the last group of the base64 differs.
        ledger.look_for_canaries("base64", &BASE64.encode("canary-1234z"));
        assert_eq!(ledger.leaks(), ["plain", "base64"]);
    }
}
