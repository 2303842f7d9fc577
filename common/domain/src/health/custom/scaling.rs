//! KEDA, the vertical autoscaler, Flagger.

use super::Entry;
use super::rule::{Phases, Summary};

/// `Active=False` only says that nothing is to be done at the moment.
const KEDA: Summary = Summary::of(&["Ready"]).paused(&["Paused"]).false_is_bad(&[]);

pub(super) const KINDS: &[Entry] = &[
    Entry::summary("keda.sh", "ScaledObject", KEDA),
    Entry::summary("keda.sh", "ScaledJob", KEDA),
    Entry::summary(
        "autoscaling.k8s.io",
        "VerticalPodAutoscaler",
        Summary::of(&["RecommendationProvided"]).bad(&["ConfigUnsupported", "ConfigDeprecated"]),
    ),
    Entry::phases(
        "flagger.app",
        "Canary",
        Phases::of("status.phase", &["Initialized", "Succeeded"])
            .stop(&["spec.suspend"])
            .suspended(&["Waiting", "WaitingPromotion"])
            .degraded(&["Failed"]),
    ),
];
