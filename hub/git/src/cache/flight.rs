//! Callers with the same question share an answer, if it was asked for after they came.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::Resolved;
use crate::credentials::Fingerprint;
use crate::error::Result;

/// Questions kept beyond those in flight; each is a few hundred bytes.
const IDLE: usize = 1024;

/// The questions of one repository. Credentials belong to the question: an answer is never shown to who could not have got it.
#[derive(Default)]
pub(super) struct Flights {
    by_question: Mutex<HashMap<(Fingerprint, String), Arc<Flight>>>,
}

/// One question, asked by one caller at a time.
#[derive(Default)]
pub(super) struct Flight {
    /// When the last question left, and what came back.
    last: tokio::sync::Mutex<Option<(Instant, Result<Resolved>)>>,
}

// === impl Flights ===

impl Flights {
    pub(super) fn get(&self, fingerprint: Fingerprint, question: String) -> Arc<Flight> {
        let mut flights = self.by_question.lock();
        if flights.len() > IDLE {
            flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        }
        Arc::clone(flights.entry((fingerprint, question)).or_default())
    }
}

// === impl Flight ===

impl Flight {
    /// The answer of `ask`, or that of somebody who asked after this call began. A caller that goes away while asking leaves the turn to the next.
    pub(super) async fn join(&self, ask: impl Future<Output = Result<Resolved>>) -> Result<Resolved> {
        let arrived = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((asked, answer)) = &*last
            && *asked >= arrived
        {
            return answer.clone();
        }
        let asked = Instant::now();
        let answer = ask.await;
        *last = Some((asked, answer.clone()));
        answer
    }
}
