//! The one clock of a process: it tells the time, owns waits of consequence, and feeds TLS.
//!
//! Because every wait and every certificate check goes through one value, a test can move a process an hour ahead and see what it would do then.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a wait for a point in time trusts the monotonic clock before it looks at the wall clock again: NTP may have stepped it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A clock; clones share its offset.
#[derive(Debug, Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

/// A wait ended before what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("took longer than {0:?}")]
pub struct Elapsed(pub Duration);

#[derive(Debug)]
struct Inner {
    base: Base,
    /// Added to the base; changing it wakes every sleeper.
    offset: watch::Sender<SignedDuration>,
}

#[derive(Debug, Clone, Copy)]
enum Base {
    System,
    Fixed(Timestamp),
}

// === impl Clock ===

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::over(Base::System)
    }

    /// A clock that stands at `start` until `advance` moves it: for tests.
    pub fn manual(start: Timestamp) -> Self {
        Self::over(Base::Fixed(start))
    }

    fn over(base: Base) -> Self {
        Self { inner: Arc::new(Inner { base, offset: watch::Sender::new(SignedDuration::ZERO) }) }
    }

    /// Now, in whole milliseconds: what is stored and sent is then exactly what was decided on.
    pub fn now(&self) -> Timestamp {
        let base = match self.inner.base {
            Base::System => Timestamp::now(),
            Base::Fixed(start) => start,
        };
        let shifted = base.saturating_add(*self.inner.offset.borrow()).unwrap_or(base);
        Timestamp::from_millisecond(shifted.as_millisecond()).unwrap_or(shifted)
    }

    /// Waits for a length of time. A jump ahead of the offset counts as time passed; a jump back does not lengthen the wait, and steps of the system's wall
    /// clock change nothing.
    pub async fn sleep(&self, duration: Duration) {
        let mut offset = self.inner.offset.subscribe();
        let started = Instant::now();
        let mut last = *offset.borrow_and_update();
        let (wanted, mut shifted) = (signed(duration), SignedDuration::ZERO);
        loop {
            let offset_now = *offset.borrow_and_update();
            shifted = shifted.saturating_add(offset_now.saturating_sub(last).max(SignedDuration::ZERO));
            last = offset_now;
            let passed = self.monotonic_since(started).saturating_add(shifted);
            let left = wanted.saturating_sub(passed);
            if left <= SignedDuration::ZERO {
                return;
            }
            self.wait(left.unsigned_abs(), &mut offset).await;
        }
    }

    /// Waits until a point in time; returns at once when it has passed.
    pub async fn sleep_until(&self, time: Timestamp) {
        let mut offset = self.inner.offset.subscribe();
        loop {
            offset.borrow_and_update();
            let left = time.duration_since(self.now());
            if left <= SignedDuration::ZERO {
                return;
            }
            self.wait(left.unsigned_abs().min(LOOK_AGAIN), &mut offset).await;
        }
    }

    /// Runs `work` for at most `duration` of this clock's time; what is not done by then is dropped.
    pub async fn timeout<T>(&self, duration: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.sleep(duration) => Err(Elapsed(duration)),
        }
    }

    /// Moves the clock ahead and wakes whoever waited for a time that has now come.
    #[cfg(any(test, feature = "faults"))]
    pub fn advance(&self, by: Duration) {
        self.inner.offset.send_modify(|offset| *offset = offset.saturating_add(signed(by)));
    }

    /// Sets how far this clock is ahead of its base (behind it, when negative) and wakes whoever waited for a time that has now come.
    #[cfg(any(test, feature = "faults"))]
    pub fn set_offset(&self, offset: SignedDuration) {
        self.inner.offset.send_replace(offset);
    }

    /// How far this clock is ahead of its base.
    pub fn offset(&self) -> SignedDuration {
        *self.inner.offset.borrow()
    }

    fn monotonic_since(&self, started: Instant) -> SignedDuration {
        match self.inner.base {
            Base::System => signed(started.elapsed()),
            Base::Fixed(_) => SignedDuration::ZERO,
        }
    }

    async fn wait(&self, left: Duration, offset: &mut watch::Receiver<SignedDuration>) {
        let pass = async {
            match self.inner.base {
                Base::System => tokio::time::sleep(left).await,
                Base::Fixed(_) => std::future::pending().await,
            }
        };
        // The sender lives in `self`, so that `changed` cannot fail.
        tokio::select! {
            () = pass => {}
            _ = offset.changed() => {}
        }
    }
}

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let seconds = u64::try_from(self.now().as_second()).ok()?;
        Some(rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_jump_of_an_hour_ends_a_sleep_of_fifty_minutes() {
        let clock = Clock::system();
        let asleep = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(50 * 60)).await }
        });
        let until = tokio::spawn({
            let (clock, then) = (clock.clone(), clock.now().saturating_add(HOUR).expect("a time"));
            async move { clock.sleep_until(then).await }
        });
        tokio::task::yield_now().await;
        clock.set_offset(signed(HOUR));
        asleep.await.expect("it woke");
        until.await.expect("it woke");
    }

    #[tokio::test]
    async fn setting_the_clock_back_lengthens_no_wait() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        clock.set_offset(signed(HOUR));
        let mut asleep = Box::pin(clock.sleep(HOUR));
        assert!(futures_now(&mut asleep).await.is_none());
        clock.set_offset(SignedDuration::ZERO);
        assert!(futures_now(&mut asleep).await.is_none());
        clock.advance(HOUR);
        asleep.await;
    }

    #[tokio::test]
    async fn a_manual_clock_moves_only_when_told() {
        let start = Timestamp::from_second(1_000).expect("a time");
        let clock = Clock::manual(start);
        assert_eq!(clock.now(), start);
        let mut asleep = Box::pin(clock.sleep(HOUR));
        assert!(futures_now(&mut asleep).await.is_none());
        clock.advance(HOUR / 2);
        assert!(futures_now(&mut asleep).await.is_none());
        clock.advance(HOUR / 2);
        asleep.await;
        assert_eq!(clock.now().as_second(), 4_600);
    }

    #[tokio::test]
    async fn a_timeout_is_measured_by_the_clock() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.timeout(HOUR, async { 7 }).await, Ok(7));
        let mut waiting = Box::pin(clock.timeout(HOUR, std::future::pending::<()>()));
        assert!(futures_now(&mut waiting).await.is_none());
        clock.advance(HOUR);
        assert_eq!(waiting.await, Err(Elapsed(HOUR)));
    }

    #[test]
    fn tls_reads_the_shifted_time() {
        use rustls::time_provider::TimeProvider;
        let clock = Clock::manual(Timestamp::from_second(100).expect("a time"));
        clock.advance(HOUR);
        assert_eq!(clock.current_time().map(|time| time.as_secs()), Some(3_700));
    }

    /// Polls once.
    async fn futures_now<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
                std::task::Poll::Ready(out) => Some(out),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}
