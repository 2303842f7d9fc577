//! Any sequence of writes, failures and reopenings equals a map.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::store::{Failing, MemoryChunks};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// Records by number; a length, or nothing for a removal.
    Write(Vec<(u8, Option<usize>)>),
    /// A write of these while the store fails after so many changes.
    Fail(usize, Vec<(u8, Option<usize>)>),
    Reopen,
}

fn changes() -> impl Strategy<Value = Vec<(u8, Option<usize>)>> {
    prop::collection::vec((0..40_u8, prop::option::weighted(0.8, prop_oneof![0..100_usize, 0..60_000_usize])), 0..20)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => changes().prop_map(Step::Write),
        2 => (0..6_usize, changes()).prop_map(|(after, changes)| Step::Fail(after, changes)),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..30)
}

fn real(changes: &[(u8, Option<usize>)]) -> Vec<Change> {
    changes.iter().map(|(record, length)| (format!("record/{record}"), length.map(noise))).collect()
}

async fn check(store: MemoryChunks, steps: Vec<Step>) {
    let mut model = BTreeMap::new();
    let mut durable = Durable::open(store.clone(), key()).await.expect("opens");
    for step in steps {
        let result = match &step {
            Step::Write(changes) => Some((real(changes), true)),
            Step::Fail(after, changes) => {
                store.fail_after(*after, Failing::Before);
                Some((real(changes), false))
            }
            Step::Reopen => None,
        };
        if let Some((changes, must)) = result {
            let written = durable.write(changes.clone()).await;
            assert!(written.is_ok() || !must, "{written:?}");
            if written.is_ok() {
                for (name, content) in changes {
                    match content {
                        Some(content) => model.insert(name, content),
                        None => model.remove(&name),
                    };
                }
            }
        } else {
            durable.close().await;
            durable = Durable::open(store.clone(), key()).await.expect("opens");
        }
        store.heal();
        assert!(durable.with_prefix("").into_iter().eq(model.clone()), "after {step:?}");
    }
    durable.close().await;
    let again = Durable::open(store, key()).await.expect("opens");
    assert!(again.with_prefix("").into_iter().eq(model));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_equals_a_map(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check(MemoryChunks::default(), steps.clone()));
        runtime.block_on(check(MemoryChunks::appending(), steps));
    }
}
