//! Tables of what happens to an identity.

use super::*;
use crate::time::from_millis;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const FORTNIGHT: Duration = Duration::from_secs(14 * 86_400);

/// A cluster, and the time.
struct World {
    record: IdentityRecord,
    now: Timestamp,
    end: Timestamp,
}

impl World {
    /// Joined with the certificate `1`, in the cluster `home`.
    fn joined() -> Self {
        let now = from_millis(1_000_000_000_000);
        let mut world = Self { record: IdentityRecord::default(), now, end: now + 7 * DAY };
        world.happens(Event::Issued { serial: "1".into(), joined: Some("home".into()) });
        assert_eq!(world.call("1"), Verdict::Admitted(Mode::Full));
        world
    }

    fn happens(&mut self, event: Event) -> Verdict {
        self.happens_from(event, "10.0.0.1")
    }

    fn happens_from(&mut self, event: Event, from: &str) -> Verdict {
        let (record, verdict) = step(std::mem::take(&mut self.record), &event, from, self.now);
        self.record = record;
        verdict
    }

    fn shown(&self, serial: &str) -> Shown {
        Shown { serial: serial.into(), revoked: false, not_after: self.end }
    }

    fn call(&mut self, serial: &str) -> Verdict {
        self.happens(Event::Called(self.shown(serial)))
    }

    fn renew(&mut self, serial: &str, uid: &str) -> Verdict {
        let shown = self.shown(serial);
        self.happens(Event::Renewing { shown, kube_system_uid: uid.into(), report_only_after: FORTNIGHT })
    }

    fn issue(&mut self, serial: &str) {
        self.happens(Event::Issued { serial: serial.into(), joined: None });
    }

    fn greet(&mut self, instance: u128, uid: &str) -> Verdict {
        self.happens(Event::Greeted { instance: Uuid::from_u128(instance), kube_system_uid: uid.into() })
    }

    fn alerts(&self) -> Vec<(AlertKind, u32)> {
        self.record.alerts.iter().map(|alert| (alert.kind, alert.count)).collect()
    }
}

fn full() -> Verdict {
    Verdict::Admitted(Mode::Full)
}

fn superseded(serial: &str) -> Verdict {
    Verdict::Refused(Refusal::Superseded { serial: serial.into() })
}

#[test]
fn the_next_certificate_is_the_current_one_from_its_first_use_on() {
    let mut world = World::joined();
    world.issue("2");
    assert_eq!((world.call("1"), world.record.current.as_deref()), (full(), Some("1")), "not used yet: both are good");
    assert_eq!(world.call("2"), full());
    assert_eq!((world.record.current.as_deref(), world.record.next.as_deref()), (Some("2"), None));
    assert_eq!(world.call("1"), full(), "what was under way ends by itself");
    world.now += OVERLAP + Duration::from_secs(1);
    assert_eq!(world.call("1"), superseded("1"));
    assert_eq!(world.renew("1", "home"), superseded("1"), "nor is it renewed");
    assert_eq!(world.call("2"), full());
    assert_eq!(world.alerts(), [(AlertKind::SupersededCertificate, 1)]);
}

#[test]
fn a_certificate_that_was_never_used_gives_way_at_once() {
    let mut world = World::joined();
    world.issue("2");
    world.issue("3");
    assert_eq!(world.call("2"), superseded("2"));
    assert_eq!(world.call("3"), full());
    world.issue("3");
    assert_eq!(world.record.next, None, "the same answer again is no successor of itself");
}

#[test]
fn who_keeps_knocking_is_alerted_once_in_a_while_and_fills_nothing() {
    let mut world = World::joined();
    for _ in 0..100 {
        assert_eq!(world.call("0"), superseded("0"));
    }
    assert_eq!(world.alerts(), [(AlertKind::SupersededCertificate, 1)]);
    let before = world.record.clone();
    world.call("0");
    assert_eq!(world.record, before, "nothing to write");
    world.now += ALERT_EVERY;
    world.call("0");
    assert_eq!(world.alerts(), [(AlertKind::SupersededCertificate, 2)]);
    for n in 0..1000 {
        let event = Event::Called(world.shown("0"));
        world.happens_from(event, &format!("10.1.0.{n}"));
    }
    assert_eq!(world.record.alerts.len(), MOST_ALERTS);
}

#[test]
fn an_approved_certificate_is_the_current_one_and_the_other_is_refused_at_once() {
    let mut world = World::joined();
    world.issue("2");
    world.call("2");
    world.now += HOUR;
    assert_eq!(world.call("1"), superseded("1"));
    assert_eq!(world.happens(Event::Approved { serial: Some("1".into()) }), full());
    assert_eq!((world.call("1"), world.call("2")), (full(), superseded("2")));
    assert_eq!(world.record.current.as_deref(), Some("1"));
    let again = world.happens(Event::Approved { serial: Some("1".into()) });
    assert_eq!(again, Verdict::Refused(Refusal::NothingToApprove));
}

#[test]
fn only_an_installation_that_comes_back_after_another_is_a_clone() {
    for (sequence, quarantined) in [
        (&[1, 1, 1, 1][..], false),
        (&[1, 2], false),
        (&[1, 2, 2, 3, 3], false),
        (&[1, 2, 1], true),
        (&[1, 2, 3, 2], true),
        (&[1, 2, 3, 1], true),
    ] {
        let mut world = World::joined();
        let verdicts: Vec<_> = sequence.iter().map(|instance| world.greet(*instance, "home")).collect();
        assert_eq!(world.record.quarantined.is_some(), quarantined, "{sequence:?}");
        let want = if quarantined { Verdict::Refused(Refusal::Quarantined) } else { full() };
        assert_eq!(verdicts.last(), Some(&want), "{sequence:?}");
    }
}

#[test]
fn a_quarantine_holds_for_everybody_until_a_person_ends_it() {
    let mut world = World::joined();
    for instance in [1, 2, 1] {
        world.greet(instance, "home");
    }
    let refused = Verdict::Refused(Refusal::Quarantined);
    assert_eq!(
        (world.call("1"), world.renew("1", "home"), world.greet(2, "home")),
        (refused.clone(), refused.clone(), refused)
    );
    assert_eq!(world.happens(Event::Approved { serial: None }), full());
    assert_eq!((world.call("1"), world.greet(2, "home"), world.greet(2, "home")), (full(), full(), full()));
    let mut world = World::joined();
    for instance in [1, 2, 1] {
        world.greet(instance, "home");
    }
    world.happens(Event::Issued { serial: "9".into(), joined: Some("home".into()) });
    assert_eq!((world.call("9"), world.greet(7, "home")), (full(), full()), "a new identity starts anew");
}

#[test]
fn a_revoked_cluster_is_refused_everywhere_until_it_joins_again() {
    let mut world = World::joined();
    let word = Word { by: "ann".into(), at: world.now, reason: String::new() };
    world.happens(Event::Revoked { word: word.clone(), serial: Some("1".into()) });
    assert_eq!(world.call("1"), full(), "of one certificate the certificates themselves say it");
    let shown = Shown { revoked: true, ..world.shown("1") };
    let revoked = Verdict::Refused(Refusal::Revoked { serial: "1".into() });
    assert_eq!(world.happens(Event::Called(shown)), revoked);
    world.happens(Event::Revoked { word, serial: None });
    assert_eq!((world.call("1"), world.renew("1", "home")), (revoked.clone(), revoked));
    assert!(world.happens(Event::Approved { serial: None }).refusal().is_some(), "revoked for good");
    world.happens(Event::Issued { serial: "2".into(), joined: Some("home".into()) });
    assert_eq!(world.call("2"), full());
}

#[test]
fn what_a_certificate_that_ended_may_do_depends_on_its_age() {
    // (days after its end, a call, a renewal, reports only afterwards)
    for (days, renewed, report_only) in
        [(0, true, false), (1, true, false), (14, true, false), (15, true, true), (90, true, true), (91, false, false)]
    {
        let mut world = World::joined();
        world.now = world.end + days * DAY;
        assert_eq!(world.call("1"), Verdict::Refused(Refusal::Ended { at: world.end }), "{days}");
        let verdict = world.renew("1", "home");
        assert_eq!(verdict.refusal().is_none(), renewed, "{days}: {verdict:?}");
        assert_eq!(world.record.report_only.is_some(), report_only, "{days}");
        if !renewed {
            continue;
        }
        world.issue("2");
        world.end = world.now + 7 * DAY;
        let mode = if report_only { Mode::ReportOnly } else { Mode::Full };
        assert_eq!(
            (world.call("2"), world.greet(1, "home")),
            (Verdict::Admitted(mode), Verdict::Admitted(mode)),
            "{days}"
        );
        if report_only {
            assert_eq!(world.happens(Event::Approved { serial: None }), full());
            assert_eq!(world.call("2"), full());
        }
    }
}

#[test]
fn another_cluster_stops_until_it_is_confirmed() {
    let other = || Verdict::Refused(Refusal::OtherCluster { known: "home".into(), found: "new".into() });
    let mut world = World::joined();
    assert_eq!((world.greet(1, "home"), world.greet(1, "new"), world.renew("1", "new")), (full(), other(), other()));
    assert_eq!(world.record.kube_system_uid, "home");
    assert_eq!(world.greet(1, "home"), full(), "a kubeconfig that was corrected");
    assert_eq!(world.record.replaced, None);
    world.greet(1, "new");
    assert_eq!(world.happens(Event::Approved { serial: None }), full());
    assert_eq!((world.greet(1, "new"), world.record.kube_system_uid.as_str()), (full(), "new"));
    assert_eq!(world.happens(Event::Approved { serial: None }), Verdict::Refused(Refusal::NothingToApprove));

    // The same cluster joins again and keeps what it has; another one gets a certificate and waits.
    let mut world = World::joined();
    world.happens(Event::Issued { serial: "2".into(), joined: Some("home".into()) });
    assert_eq!(world.greet(2, "home"), full());
    world.happens(Event::Issued { serial: "3".into(), joined: Some("new".into()) });
    assert_eq!((world.call("3"), world.greet(3, "new")), (full(), other()));
    world.happens(Event::Approved { serial: None });
    assert_eq!(world.greet(3, "new"), full());
}

#[test]
fn an_agent_that_does_not_say_its_cluster_is_taken_while_its_certificate_lasts() {
    let mut world = World::joined();
    assert_eq!((world.greet(1, ""), world.renew("1", "")), (full(), full()));
    world.now = world.end + DAY;
    assert!(world.renew("1", "").refusal().is_some());
    assert_eq!(world.record.replaced, None, "nothing was found");
}

#[test]
fn a_record_of_before_takes_the_newest_two_certificates() {
    let mut world = World::joined();
    world.record = IdentityRecord::of_issued(&["3".into(), "2".into(), "1".into()], "home");
    assert_eq!((world.call("2"), world.call("1")), (full(), superseded("1")));
    assert_eq!(world.call("3"), full());
    let empty = serde_json::to_string(&IdentityRecord::default()).expect("JSON");
    assert_eq!(
        (empty.as_str(), serde_json::from_str::<IdentityRecord>("{}").ok()),
        ("{}", Some(IdentityRecord::default()))
    );
}

#[test]
fn what_the_store_has_forgotten_waits_for_a_person() {
    let mut world = World::joined();
    let forgotten = |serial: String, world: &World| Forgotten {
        serial,
        der: "00".into(),
        key_digest: "11".into(),
        issued_at: world.now,
        not_after: world.end,
        authority: 0,
    };
    for n in 0..100 {
        let event = Event::Forgotten(forgotten(format!("f{n}"), &world));
        assert_eq!(world.happens(event), Verdict::Refused(Refusal::Forgotten { serial: format!("f{n}") }));
    }
    assert_eq!(world.record.forgotten.len(), MOST_FORGOTTEN);
    let before = world.record.clone();
    world.happens(Event::Forgotten(forgotten("f99".into(), &world)));
    assert_eq!(world.record, before, "nothing to write");
    assert_eq!(world.call("1"), full(), "the one that is known goes on");
    assert_eq!(world.happens(Event::Approved { serial: Some("f99".into()) }), full());
    assert_eq!((world.record.current.as_deref(), world.record.forgotten.len()), (Some("f99"), 0));
    let word = Word { by: "ann".into(), at: world.now, reason: String::new() };
    world.happens(Event::Revoked { word, serial: None });
    let event = Event::Forgotten(forgotten("f1".into(), &world));
    assert_eq!(world.happens(event), Verdict::Refused(Refusal::Revoked { serial: "f1".into() }));
    assert!(world.record.forgotten.is_empty());
}
