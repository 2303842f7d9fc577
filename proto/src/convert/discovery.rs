//! The cluster's resource list.

use windlass_domain::discovery::{ApiResource, Discovery};

use super::Invalid;
use crate::v1;

impl From<ApiResource> for v1::ApiResource {
    fn from(resource: ApiResource) -> Self {
        let ApiResource { group, version, kind, plural, namespaced } = resource;
        Self { group, version, kind, plural, namespaced }
    }
}

impl TryFrom<v1::ApiResource> for ApiResource {
    type Error = Invalid;
    fn try_from(wire: v1::ApiResource) -> Result<Self, Invalid> {
        let v1::ApiResource { group, version, kind, plural, namespaced } = wire;
        for (field, value) in [("version", &version), ("kind", &kind), ("plural", &plural)] {
            if value.is_empty() {
                return Err(Invalid::new(field, "missing"));
            }
        }
        Ok(Self { group, version, kind, plural, namespaced })
    }
}

impl From<Discovery> for v1::Discovery {
    fn from(discovery: Discovery) -> Self {
        let resources = discovery.resources().iter().cloned().map(Into::into).collect();
        Self { resources, failed_groups: discovery.failed_groups }
    }
}

impl TryFrom<v1::Discovery> for Discovery {
    type Error = Invalid;
    fn try_from(wire: v1::Discovery) -> Result<Self, Invalid> {
        Ok(Self::new(super::field::list("resources", wire.resources)?, wire.failed_groups))
    }
}
