//! Knative: `Ready=Unknown` is at work, `Ready=False` is failed; its API says so.

use super::Entry;
use super::rule::Summary;

const READY: Summary = Summary::of(&["Ready"]).false_is_bad(&[]);

pub(super) const KINDS: &[Entry] = &[
    Entry::summary("serving.knative.dev", "Service", READY),
    Entry::summary("serving.knative.dev", "Route", READY),
    Entry::summary("serving.knative.dev", "Configuration", READY),
    Entry::summary("serving.knative.dev", "Revision", READY),
    Entry::summary("serving.knative.dev", "DomainMapping", READY),
    Entry::summary("eventing.knative.dev", "Broker", READY),
    Entry::summary("eventing.knative.dev", "Trigger", READY),
    Entry::summary("messaging.knative.dev", "*", READY),
    Entry::summary("sources.knative.dev", "*", READY),
    Entry::summary("operator.knative.dev", "KnativeServing", READY),
    Entry::summary("operator.knative.dev", "KnativeEventing", READY),
];
