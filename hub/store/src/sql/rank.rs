//! Statuses as numbers that SQL can compare: greater is worse.

use windlass_domain::health::HealthStatus;
use windlass_domain::status::SyncStatus;

use super::row::{Row, unreadable};
use crate::error::Result;

const SYNC: [SyncStatus; 3] = [SyncStatus::Synced, SyncStatus::OutOfSync, SyncStatus::Unknown];

const HEALTH: [HealthStatus; 6] = [
    HealthStatus::Healthy,
    HealthStatus::Suspended,
    HealthStatus::Progressing,
    HealthStatus::Missing,
    HealthStatus::Degraded,
    HealthStatus::Unknown,
];

pub(super) fn of_sync(status: SyncStatus) -> i64 {
    match status {
        SyncStatus::Synced => 0,
        SyncStatus::OutOfSync => 1,
        SyncStatus::Unknown => 2,
    }
}

pub(super) fn of_health(status: HealthStatus) -> i64 {
    match status {
        HealthStatus::Healthy => 0,
        HealthStatus::Suspended => 1,
        HealthStatus::Progressing => 2,
        HealthStatus::Missing => 3,
        HealthStatus::Degraded => 4,
        HealthStatus::Unknown => 5,
    }
}

/// Ascending, what needs attention comes first: worst health, then worst sync.
pub(super) fn calm(sync: SyncStatus, health: HealthStatus) -> i64 {
    100 - of_health(health) * 10 - of_sync(sync)
}

pub(super) fn sync(row: &Row) -> Result<SyncStatus> {
    read(&SYNC, row, "sync")
}

pub(super) fn health(row: &Row) -> Result<HealthStatus> {
    read(&HEALTH, row, "health")
}

fn read<T: Copy>(all: &[T], row: &Row, column: &str) -> Result<T> {
    let rank = row.int(column)?;
    usize::try_from(rank).ok().and_then(|rank| all.get(rank)).copied().ok_or_else(|| unreadable(column, rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_order_as_the_statuses_do() {
        for pair in SYNC.windows(2) {
            assert!(pair[0] < pair[1] && of_sync(pair[0]) < of_sync(pair[1]));
        }
        for pair in HEALTH.windows(2) {
            assert!(pair[0] < pair[1] && of_health(pair[0]) < of_health(pair[1]));
        }
        assert!(SYNC.iter().zip(0..).all(|(status, rank)| of_sync(*status) == rank));
        assert!(HEALTH.iter().zip(0..).all(|(status, rank)| of_health(*status) == rank));
        assert!(calm(SyncStatus::OutOfSync, HealthStatus::Healthy) > calm(SyncStatus::Synced, HealthStatus::Suspended));
    }
}
