//! The admin port of a hub or agent: readiness, metrics and, as the binaries are built with `faults`, failpoints and the
//! clock's offset.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// A client of one admin port.
#[derive(Debug, Clone)]
pub struct AdminPort {
    address: SocketAddr,
    http: reqwest::Client,
}

impl AdminPort {
    /// Of the process that listens on this port of loopback.
    pub fn of(port: u16) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build();
        Ok(Self { address, http: http.context("making an HTTP client")? })
    }

    /// Whether the process calls itself ready; why not, when it does not.
    pub async fn ready(&self) -> Result<Option<()>> {
        let answer = self.http.get(self.url("/readyz")).send().await?;
        let (ready, text) = (answer.status().is_success(), answer.text().await?);
        ensure!(ready, "{}", text.trim());
        Ok(Some(()))
    }

    /// All metrics as text.
    pub async fn metrics(&self) -> Result<String> {
        Ok(self.http.get(self.url("/metrics")).send().await?.error_for_status()?.text().await?)
    }

    /// The value of the first sample of a metric.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let text = self.metrics().await?;
        let mut samples = text.lines().filter(|line| line.starts_with(name));
        let value = samples.find_map(|line| line.rsplit(' ').next()?.parse().ok());
        value.with_context(|| format!("there is no metric {name}"))
    }

    /// Moves the process's clock: it now tells the real time plus `offset`.
    pub async fn shift_clock(&self, offset: Duration) -> Result<()> {
        self.post(&format!("/faults/clock?offset_ms={}", offset.as_millis())).await
    }

    /// Sets a failpoint: `kill`, `count`, `off`, or actions of the `fail` crate.
    pub async fn failpoint(&self, name: &str, actions: &str) -> Result<()> {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("name", name)
            .append_pair("actions", actions)
            .finish();
        self.post(&format!("/faults/failpoint?{query}")).await
    }

    /// How often a failpoint set to `count` was reached.
    pub async fn hits(&self, name: &str) -> Result<u64> {
        let text = self.http.get(self.url("/faults/failpoints")).send().await?.error_for_status()?.text().await?;
        let line = text.lines().find(|line| line.starts_with(&format!("{name}=")));
        let hits = line.and_then(|line| line.rsplit_once("hits=")?.1.parse().ok());
        hits.with_context(|| format!("failpoint {name} is not set"))
    }

    async fn post(&self, path: &str) -> Result<()> {
        let answer = self.http.post(self.url(path)).send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "POST {path}: {status}: {}", answer.text().await?.trim());
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
