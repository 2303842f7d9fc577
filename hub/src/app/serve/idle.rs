//! Whether a connection is in use: HTTP/2 pings keep one alive that nobody asks anything on.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use tokio::sync::watch;
use windlass_domain::time::Timestamp;
use windlass_runtime::clock::Clock;

/// How many requests are under way on a connection. Cheap to clone; clones share the count.
#[derive(Clone)]
pub(super) struct Use {
    under_way: watch::Sender<usize>,
}

/// One request, under way until this is dropped.
pub(super) struct Begun(watch::Sender<usize>);

/// A body with what must be held until its end.
pub(super) struct Held {
    body: Body,
    _begun: Begun,
}

// === impl Use ===

impl Default for Use {
    fn default() -> Self {
        Self { under_way: watch::Sender::new(0) }
    }
}

impl Use {
    pub(super) fn begin(&self) -> Begun {
        self.under_way.send_modify(|count| *count += 1);
        Begun(self.under_way.clone())
    }

    /// Returns once no request has been under way for so long.
    pub(super) async fn idle_for(&self, clock: &Clock, most: Duration) {
        let mut under_way = self.under_way.subscribe();
        loop {
            // The sender is this value's own.
            if under_way.wait_for(|count| *count == 0).await.is_err() {
                return;
            }
            let until: Timestamp = clock.now() + most;
            tokio::select! {
                // A request that came in the last instant counts.
                biased;
                changed = under_way.changed() => if changed.is_err() { return },
                () = clock.sleep_until(until) => return,
            }
        }
    }
}

// === impl Begun ===

impl Begun {
    pub(super) fn until_the_end_of(self, body: Body) -> Held {
        Held { body, _begun: self }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

// === impl Held ===

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Future, poll_fn};

    async fn is_over(idle: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
        // Twice: what a clock wakes is polled once more.
        for _ in 0..2 {
            if poll_fn(|cx| Poll::Ready(idle.as_mut().poll(cx).is_ready())).await {
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }

    #[tokio::test]
    async fn a_connection_is_idle_once_nothing_was_under_way_for_long_enough() {
        let (clock, use_of) = (Clock::system(), Use::default());
        let minute = Duration::from_secs(60);
        let mut idle = Box::pin(use_of.idle_for(&clock, 2 * minute));
        assert!(!is_over(&mut idle).await);
        let watched = use_of.begin().until_the_end_of(Body::from("events"));
        clock.advance(10 * minute);
        assert!(!is_over(&mut idle).await, "an answer is being read");
        drop(watched);
        assert!(!is_over(&mut idle).await);
        clock.advance(minute);
        assert!(!is_over(&mut idle).await);
        clock.advance(minute);
        assert!(is_over(&mut idle).await);
    }
}
