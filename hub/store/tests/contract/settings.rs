//! The settings of the whole installation.

use std::collections::BTreeMap;

use windlass_store::{Expected, PutOutcome, Store as _, SystemSettings};

use crate::contract;

contract! {
    async fn settings_are_kept_as_they_were_given_and_not_overwritten_unseen(bed: Bed) {
        let store = &bed;
        assert_eq!(store.settings().await.expect("settings"), SystemSettings::default());
        let data = |value: &str| BTreeMap::from([("resource.customizations.health.Pod".to_owned(), value.to_owned())]);
        let first = store.put_settings(&data("return nil"), Expected::Anything).await.expect("put");
        assert_eq!(first.outcome, PutOutcome::Created);
        let again = store.put_settings(&data("return nil"), Expected::Anything).await.expect("put");
        assert_eq!((again.outcome, again.value.revision), (PutOutcome::Unchanged, first.value.revision));
        // Another hub learns of it once.
        let written = store.written(first.value.revision - 1).await.expect("read");
        assert!(written.settings && !store.written(written.revision).await.expect("read").settings);
        let seen = Expected::Revision(first.value.revision);
        let second = store.put_settings(&data("return {}"), seen).await.expect("put");
        assert!(second.value.revision > first.value.revision);
        let stale = store.put_settings(&data("return 1"), seen).await.expect_err("stale");
        assert!(stale.to_string().contains("read them again"), "{stale}");
        assert_eq!(bed.again().await.settings().await.expect("settings"), second.value);
    }
}
