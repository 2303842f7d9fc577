//! CronJob: degraded when its last run is over and did not succeed.

use super::Health;
use super::part::{Malformed, Part};

pub(super) fn check(job: Part<'_>) -> Result<Health, Malformed> {
    if job.is_true("spec.suspend")? {
        return Ok(Health::healthy("CronJob is suspended"));
    }
    if !job.field("status")?.exists() {
        return Ok(Health::progressing("Waiting for CronJob"));
    }
    // RFC 3339 in UTC with whole seconds, as the apiserver writes them: ordered as text.
    let (scheduled, succeeded) = (job.text("status.lastScheduleTime")?, job.text("status.lastSuccessfulTime")?);
    let is_active = !job.list("status.active")?.is_empty();
    Ok(match () {
        () if scheduled.is_empty() => Health::healthy("CronJob has not been scheduled yet"),
        () if succeeded.is_empty() => {
            Health::healthy("The CronJob never completed successfully. It may not be healthy")
        }
        () if is_active => Health::healthy("The job is running. Its last execution may not have been successful"),
        () if succeeded < scheduled => Health::degraded("CronJob has not completed its last execution successfully"),
        () => Health::healthy("CronJob has completed its last execution successfully"),
    })
}
