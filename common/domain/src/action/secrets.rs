//! External Secrets: any change of the annotations is a reason to look again; this one is the documented one.

use super::builtin::{Builtin, Entry};

const FORCE_SYNC: &str = "force-sync";
const GROUP: &str = "external-secrets.io";

pub(super) const KINDS: &[Entry] = &[
    Entry::of(GROUP, "ExternalSecret", &[&[Builtin::stamp("refresh", FORCE_SYNC)]]),
    Entry::of(GROUP, "ClusterExternalSecret", &[&[Builtin::stamp("refresh", FORCE_SYNC)]]),
    Entry::of(GROUP, "PushSecret", &[&[Builtin::stamp("push", FORCE_SYNC)]]),
];
