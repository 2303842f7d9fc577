//! What one address may take of something that all share.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts by address. An IPv6 address is its /64: whoever has one address of it has all. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct PerAddress {
    most: usize,
    addresses: Arc<Mutex<HashMap<IpAddr, Address>>>,
}

#[derive(Debug)]
struct Address {
    count: usize,
    turns: Arc<Semaphore>,
}

/// One place of an address, given up on drop.
#[derive(Debug)]
pub struct Place {
    of: PerAddress,
    address: IpAddr,
    turns: Arc<Semaphore>,
}

/// Leave to use what is shared, given up on drop.
#[derive(Debug)]
pub struct Turn {
    _own: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
}

// === impl PerAddress ===

impl PerAddress {
    /// At most `most` places for each address.
    pub fn new(most: usize) -> Self {
        Self { most, addresses: Arc::default() }
    }

    /// A place, with at most `turns` of the address's at a time; `None` when the address has all its places.
    pub fn enter(&self, address: IpAddr, turns: usize) -> Option<Place> {
        let address = network(address);
        let mut addresses = self.addresses.lock();
        let entry = addresses
            .entry(address)
            .or_insert_with(|| Address { count: 0, turns: Arc::new(Semaphore::new(turns.max(1))) });
        if entry.count >= self.most {
            return None;
        }
        entry.count += 1;
        Some(Place { of: self.clone(), address, turns: Arc::clone(&entry.turns) })
    }
}

/// What one peer is taken to have.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

// === impl Place ===

impl Place {
    /// Waits for the address's own turn first, and then for the shared one: who waits for its own holds up nobody else. `None` once `shared` is closed.
    pub async fn turn(&self, shared: &Arc<Semaphore>) -> Option<Turn> {
        let own = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let shared = Arc::clone(shared).acquire_owned().await.ok()?;
        Some(Turn { _own: own, _shared: shared })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.of.addresses.lock();
        if let Some(entry) = addresses.get_mut(&self.address) {
            entry.count -= 1;
            if entry.count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_network_and_given_up() {
        let all = PerAddress::new(2);
        let enter = |text: &str| all.enter(text.parse().expect("an address"), 1);
        let (one, two) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(one.is_some() && two.is_some() && enter("2001:db8::3").is_none());
        assert!(enter("2001:db8:0:1::1").is_some() && enter("10.0.0.1").is_some());
        let mapped = (enter("10.0.0.2"), enter("::ffff:10.0.0.2"));
        assert!(mapped.0.is_some() && mapped.1.is_some() && enter("10.0.0.2").is_none());
        drop(one);
        assert!(enter("2001:db8::3").is_some());
        drop((two, mapped));
        assert!(all.addresses.lock().is_empty());
    }
}
