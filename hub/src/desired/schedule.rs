//! Which application is looked at next, and what is known of each: plain data, no tasks.

use std::collections::{BTreeMap, BTreeSet};

use windlass_domain::name::ApplicationName;
use windlass_domain::revision::Revision;

use super::commit::Looked;
use super::compile::Look;
use super::conditions::Problem;
use super::inbox::Waiter;
use super::source::Question;

/// The applications, what is waiting, and what is at work.
pub(super) struct Schedule {
    /// How many applications are worked on at once; of one repository, half as many, so that a slow one leaves room for others.
    concurrency: usize,
    known: BTreeMap<ApplicationName, Known>,
    waiting: BTreeMap<ApplicationName, Waiting>,
    /// What waits, by repository and order of coming.
    lanes: BTreeMap<Lane, BTreeMap<u64, ApplicationName>>,
    working: BTreeMap<ApplicationName, Lane>,
    /// How many looks were ever asked for.
    came: u64,
}

/// A repository, normalised; `None` for applications of which none is known.
type Lane = Option<String>;

/// What is known of an application.
#[derive(Default)]
pub(super) struct Known {
    pub(super) question: Option<Question>,
    /// The repository's last answer that led to a look; `None` when it should be asked again.
    pub(super) seen: Option<Result<Revision, Problem>>,
    /// The revision of the record that was last looked at with success; 0 before.
    pub(super) record: u64,
}

struct Waiting {
    look: Look,
    waiters: Vec<Waiter>,
    /// Order of coming: who came first is served first.
    number: u64,
    lane: Lane,
}

/// One look that is to be begun.
pub(super) struct Work {
    pub(super) name: ApplicationName,
    pub(super) look: Look,
    pub(super) waiters: Vec<Waiter>,
}

// === impl Schedule ===

impl Schedule {
    pub(super) fn new(concurrency: usize) -> Self {
        let concurrency = concurrency.max(1);
        let (known, waiting, lanes, working) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { concurrency, known, waiting, lanes, working, came: 0 }
    }

    /// An application exists.
    pub(super) fn know(&mut self, name: ApplicationName, question: Option<Question>) {
        self.known.insert(name, Known { question, seen: None, record: 0 });
    }

    /// An application is to be looked at. Of two looks that wait, the one that asks the repository is kept: its answer is never older.
    pub(super) fn add(&mut self, name: ApplicationName, look: Look, waiters: Vec<Waiter>) {
        if let Some(waiting) = self.waiting.get_mut(&name) {
            if !matches!(waiting.look, Look::Now) {
                waiting.look = look;
            }
            waiting.waiters.extend(waiters);
            return;
        }
        self.came += 1;
        let (number, lane) = (self.came, self.repository_of(&name));
        self.lanes.entry(lane.clone()).or_default().insert(number, name.clone());
        self.waiting.insert(name, Waiting { look, waiters, number, lane });
    }

    /// Whether this revision of an application's record was looked at; never of one that goes (0).
    pub(super) fn has_seen(&self, name: &ApplicationName, revision: u64) -> bool {
        revision > 0 && self.known.get(name).is_some_and(|known| known.record >= revision)
    }

    /// Clusters changed: every application is looked at, without asking a repository that has answered.
    pub(super) fn add_all(&mut self) {
        let all: Vec<_> = self.known.iter().map(|(name, known)| (name.clone(), known.last_look())).collect();
        for (name, look) in all {
            self.add(name, look, vec![]);
        }
    }

    /// A repository changed: its applications ask it again.
    pub(super) fn add_repository(&mut self, normalised: &str) {
        let of_it = |known: &Known| known.question.as_ref().is_some_and(|question| question.repository == normalised);
        let names: Vec<_> = self.known.iter().filter(|(_, known)| of_it(known)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.add(name, Look::Now, vec![]);
        }
    }

    /// A repository answered a question: the applications that have not seen this answer look at it.
    pub(super) fn answered(&mut self, question: &Question, answer: &Result<Revision, Problem>) {
        let news = |known: &Known| known.question.as_ref() == Some(question) && known.seen.as_ref() != Some(answer);
        let names: Vec<_> = self.known.iter().filter(|(_, known)| news(known)).map(|(name, _)| name.clone()).collect();
        let look = look_at(answer);
        for name in names {
            self.add(name, look.clone(), vec![]);
        }
    }

    /// Every question that some application has, once.
    pub(super) fn questions(&self) -> BTreeSet<Question> {
        self.known.values().filter_map(|known| known.question.clone()).collect()
    }

    /// Applications that no question leads to and that were not looked at with success: they are looked at again.
    pub(super) fn add_orphans(&mut self) {
        let orphan = |known: &Known| known.question.is_none() && known.seen.is_none();
        let names: Vec<_> =
            self.known.iter().filter(|(_, known)| orphan(known)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.add(name, Look::Now, vec![]);
        }
    }

    /// What to begin now, first come first served; `None` when all hands are full or nothing can be begun.
    pub(super) fn next(&mut self) -> Option<Work> {
        if self.working.len() >= self.concurrency {
            return None;
        }
        let idle = |name: &ApplicationName| !self.working.contains_key(name);
        let lanes = self.lanes.iter().filter(|(lane, _)| !self.is_busy(lane));
        let first = lanes.filter_map(|(_, lane)| lane.iter().find(|(_, name)| idle(name))).min();
        let name = first.map(|(_, name)| name.clone())?;
        let Waiting { look, waiters, number, lane } = self.waiting.remove(&name)?;
        if let Some(queue) = self.lanes.get_mut(&lane) {
            queue.remove(&number);
            if queue.is_empty() {
                self.lanes.remove(&lane);
            }
        }
        self.working.insert(name.clone(), lane);
        Some(Work { name, look, waiters })
    }

    /// A look ended. `None`: the application is gone, or its look failed for a reason that is not its own.
    pub(super) fn done(&mut self, name: &ApplicationName, looked: Option<&Looked>) {
        self.working.remove(name);
        let known = self.known.entry(name.clone()).or_default();
        match looked {
            Some(looked) => {
                known.question.clone_from(&looked.question);
                known.seen.clone_from(&looked.seen);
                known.record = looked.record;
            }
            None => (known.seen, known.record) = (None, 0),
        }
    }

    /// An application is no more.
    pub(super) fn forget(&mut self, name: &ApplicationName) {
        self.working.remove(name);
        self.known.remove(name);
    }

    fn repository_of(&self, name: &ApplicationName) -> Lane {
        self.known.get(name)?.question.as_ref().map(|question| question.repository.clone())
    }

    fn is_busy(&self, lane: &Lane) -> bool {
        let at_work = self.working.values().filter(|other| *other == lane).count();
        lane.is_some() && at_work >= self.concurrency.div_ceil(2)
    }
}

// === impl Known ===

impl Known {
    fn last_look(&self) -> Look {
        self.seen.as_ref().map_or(Look::Now, look_at)
    }
}

fn look_at(answer: &Result<Revision, Problem>) -> Look {
    match answer {
        Ok(revision) => Look::At(revision.clone()),
        Err(problem) => Look::Failed(problem.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> ApplicationName {
        ApplicationName::new("", name).expect("a name")
    }

    fn question(repository: &str) -> Question {
        Question { repository: repository.into(), target_revision: "main".into(), tag_prefix: String::new() }
    }

    fn revision(digit: char) -> Revision {
        Revision::parse(&digit.to_string().repeat(40)).expect("a revision")
    }

    #[test]
    fn one_application_is_never_worked_on_twice_at_once() {
        let mut schedule = Schedule::new(8);
        schedule.add(name("a"), Look::Now, vec![]);
        assert!(schedule.next().is_some());
        schedule.add(name("a"), Look::Now, vec![]);
        assert!(schedule.next().is_none());
        schedule.done(&name("a"), None);
        assert!(schedule.next().is_some());
    }

    #[test]
    fn a_refresh_is_never_answered_with_an_older_look() {
        let mut schedule = Schedule::new(8);
        schedule.add(name("a"), Look::Now, vec![]);
        schedule.add(name("a"), Look::At(revision('1')), vec![]);
        assert!(matches!(schedule.next().map(|work| work.look), Some(Look::Now)));
    }

    #[test]
    fn a_slow_repository_leaves_room_for_others() {
        let mut schedule = Schedule::new(4);
        for app in ["a", "b", "c", "d"] {
            schedule.know(name(app), Some(question("slow")));
            schedule.add(name(app), Look::Now, vec![]);
        }
        assert_eq!(std::iter::from_fn(|| schedule.next()).count(), 2);
        schedule.know(name("z"), Some(question("fast")));
        schedule.add(name("z"), Look::Now, vec![]);
        assert_eq!(schedule.next().map(|work| work.name), Some(name("z")));
    }

    #[test]
    fn a_record_is_looked_at_once_whoever_tells_of_it() {
        let mut schedule = Schedule::new(8);
        assert!(!schedule.has_seen(&name("a"), 7), "an application that nobody knew");
        let refreshed = crate::desired::Refreshed { revision: None, changed: true, conditions: vec![] };
        schedule.done(&name("a"), Some(&Looked { refreshed, question: None, seen: None, record: 7 }));
        assert!(schedule.has_seen(&name("a"), 7));
        assert!(!schedule.has_seen(&name("a"), 8), "written again");
        assert!(!schedule.has_seen(&name("a"), 0), "on its way out");
        schedule.done(&name("a"), None);
        assert!(!schedule.has_seen(&name("a"), 7), "its look failed");
    }

    #[test]
    fn only_news_lead_to_a_look() {
        let mut schedule = Schedule::new(8);
        schedule.know(name("a"), Some(question("r")));
        schedule.answered(&question("r"), &Ok(revision('1')));
        assert!(schedule.next().is_some());
        let refreshed = crate::desired::Refreshed { revision: None, changed: true, conditions: vec![] };
        let looked = Looked { refreshed, question: Some(question("r")), seen: Some(Ok(revision('1'))), record: 7 };
        schedule.done(&name("a"), Some(&looked));
        schedule.answered(&question("r"), &Ok(revision('1')));
        assert!(schedule.next().is_none());
        schedule.answered(&question("r"), &Ok(revision('2')));
        assert!(schedule.next().is_some());
    }
}
