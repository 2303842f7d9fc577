//! Which application is looked at next, and what is known of each: plain data, no tasks.

use std::collections::{BTreeMap, BTreeSet};

use windlass_domain::name::ApplicationName;
use windlass_domain::time::Timestamp;

use super::commit::Looked;
use super::compile::Look;
use super::conditions::Problem;
use super::inbox::Waiter;
use super::source::{Found, Question};
use super::turns::Turns;

/// The applications, what is waiting, and what is at work.
pub(super) struct Schedule {
    known: BTreeMap<ApplicationName, Known>,
    /// Who asks what: a poll costs what there is to ask, and an answer what it changes, whatever the number of applications.
    askers: BTreeMap<Question, Askers>,
    /// The project of each application.
    projects: BTreeMap<ApplicationName, String>,
    /// Applications that no question leads to and that were not looked at with success.
    orphans: BTreeSet<ApplicationName>,
    waiting: BTreeMap<ApplicationName, Waiting>,
    /// What waits, by repository and order of coming.
    lanes: BTreeMap<Lane, BTreeMap<u64, ApplicationName>>,
    turns: Turns,
    /// How many looks were ever asked for.
    came: u64,
}

/// A repository, normalised; `None` for applications of which none is known.
pub(super) type Lane = Option<String>;

/// What is known of an application.
#[derive(Default)]
pub(super) struct Known {
    pub(super) question: Option<Question>,
    /// The repository's last answer that led to a look; `None` when it should be asked again.
    pub(super) seen: Option<Result<Found, Problem>>,
    /// The revision of the record that was last looked at with success; 0 before.
    pub(super) record: u64,
}

/// The applications that have one question.
#[derive(Default)]
struct Askers {
    all: BTreeSet<ApplicationName>,
    /// Those of which the last answer is not what they have seen.
    behind: BTreeSet<ApplicationName>,
    answer: Option<Result<Found, Problem>>,
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
        Self {
            known: BTreeMap::new(),
            askers: BTreeMap::new(),
            projects: BTreeMap::new(),
            orphans: BTreeSet::new(),
            waiting: BTreeMap::new(),
            lanes: BTreeMap::new(),
            turns: Turns::new(concurrency),
            came: 0,
        }
    }

    /// An application exists.
    pub(super) fn know(&mut self, name: ApplicationName, question: Option<Question>) {
        self.learn(name, Known { question, seen: None, record: 0 });
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

    /// An application is of a project.
    pub(super) fn belongs(&mut self, name: ApplicationName, project: String) {
        self.projects.insert(name, project);
    }

    /// A project changed: its applications are looked at. A repository that has answered is not asked, one that nobody was allowed to ask is.
    pub(super) fn add_project(&mut self, project: &str) {
        let names: Vec<_> =
            self.projects.iter().filter(|(_, of)| *of == project).map(|(name, _)| name.clone()).collect();
        for name in names {
            let asked = self.known.get(&name).filter(|known| known.question.is_some());
            let look = asked.map_or(Look::Now, Known::last_look);
            self.add(name, look, vec![]);
        }
    }

    /// A repository changed: its applications ask it again.
    pub(super) fn add_repository(&mut self, normalised: &str) {
        let first =
            Question { repository: normalised.to_owned(), target_revision: String::new(), tag_prefix: String::new() };
        let of_it = self.askers.range(first..).take_while(|(question, _)| question.repository == normalised);
        let names: Vec<_> = of_it.flat_map(|(_, askers)| askers.all.iter().cloned()).collect();
        for name in names {
            self.add(name, Look::Now, vec![]);
        }
    }

    /// A repository answered a question: the applications that have not seen this answer look at it.
    pub(super) fn answered(&mut self, question: &Question, answer: &Result<Found, Problem>) {
        let Some(askers) = self.askers.get_mut(question) else { return };
        if askers.answer.as_ref() != Some(answer) {
            askers.answer = Some(answer.clone());
            let news =
                |name: &&ApplicationName| self.known.get(*name).is_none_or(|known| known.seen.as_ref() != Some(answer));
            askers.behind = askers.all.iter().filter(news).cloned().collect();
        }
        let (names, look): (Vec<_>, _) = (askers.behind.iter().cloned().collect(), look_at(answer));
        for name in names {
            self.add(name, look.clone(), vec![]);
        }
    }

    /// Every question that some application has, once.
    pub(super) fn questions(&self) -> impl Iterator<Item = &Question> {
        self.askers.keys()
    }

    /// Applications that no question leads to and that were not looked at with success: they are looked at again.
    pub(super) fn add_orphans(&mut self) {
        let names: Vec<_> = self.orphans.iter().cloned().collect();
        for name in names {
            self.add(name, Look::Now, vec![]);
        }
    }

    /// What to begin now, first come first served; `None` when all hands are full or nothing can be begun.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Work> {
        if !self.turns.has_room() {
            return None;
        }
        let slow_full = self.turns.is_slow_full();
        let waits = |name: &ApplicationName| self.turns.is_working(name) || (slow_full && self.turns.is_slow(name));
        let lanes = self.lanes.iter().filter(|(lane, _)| !self.turns.is_busy(lane));
        let first = lanes.filter_map(|(_, lane)| lane.iter().find(|(_, name)| !waits(name))).min();
        let name = first.map(|(_, name)| name.clone())?;
        let Waiting { look, waiters, number, lane } = self.waiting.remove(&name)?;
        if let Some(queue) = self.lanes.get_mut(&lane) {
            queue.remove(&number);
            if queue.is_empty() {
                self.lanes.remove(&lane);
            }
        }
        self.turns.begin(name.clone(), lane, now);
        Some(Work { name, look, waiters })
    }

    /// A look is compiled, and waits to be written: another may begin.
    pub(super) fn compiled(&mut self, name: &ApplicationName, now: Timestamp) {
        self.turns.parked(name, now);
    }

    /// Looks that have taken long give their turns to others.
    pub(super) fn age(&mut self, now: Timestamp) {
        self.turns.age(now);
    }

    /// How many looks are compiled now.
    pub(super) fn compiling(&self) -> usize {
        self.turns.compiling()
    }

    /// A look ended. `None`: the application is gone, or its look failed for a reason that is not its own.
    pub(super) fn done(&mut self, name: &ApplicationName, looked: Option<&Looked>, now: Timestamp) {
        self.turns.end(name, now);
        let known = match looked {
            Some(looked) => {
                self.belongs(name.clone(), looked.project.clone());
                Known { question: looked.question.clone(), seen: looked.seen.clone(), record: looked.record }
            }
            None => {
                Known { question: self.known.get(name).and_then(|known| known.question.clone()), ..Known::default() }
            }
        };
        self.learn(name.clone(), known);
    }

    /// An application is no more.
    pub(super) fn forget(&mut self, name: &ApplicationName) {
        self.turns.forget(name);
        self.projects.remove(name);
        self.unlearn(name);
    }

    fn learn(&mut self, name: ApplicationName, known: Known) {
        if self.known.get(&name).is_some_and(|before| before.question != known.question) {
            self.unlearn(&name);
        }
        match &known.question {
            Some(question) => {
                let askers = self.askers.entry(question.clone()).or_default();
                askers.all.insert(name.clone());
                if known.seen == askers.answer {
                    askers.behind.remove(&name);
                } else {
                    askers.behind.insert(name.clone());
                }
            }
            None if known.seen.is_none() => drop(self.orphans.insert(name.clone())),
            None => drop(self.orphans.remove(&name)),
        }
        self.known.insert(name, known);
    }

    fn unlearn(&mut self, name: &ApplicationName) {
        self.orphans.remove(name);
        let Some(question) = self.known.remove(name).and_then(|known| known.question) else { return };
        if let Some(askers) = self.askers.get_mut(&question) {
            askers.all.remove(name);
            askers.behind.remove(name);
            if askers.all.is_empty() {
                self.askers.remove(&question);
            }
        }
    }

    fn repository_of(&self, name: &ApplicationName) -> Lane {
        self.known.get(name)?.question.as_ref().map(|question| question.repository.clone())
    }
}

// === impl Known ===

impl Known {
    fn last_look(&self) -> Look {
        self.seen.as_ref().map_or(Look::Now, look_at)
    }
}

fn look_at(answer: &Result<Found, Problem>) -> Look {
    match answer {
        Ok(found) => Look::At(found.clone()),
        Err(problem) => Look::Failed(problem.clone()),
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::revision::Revision;

    use super::*;

    fn now() -> Timestamp {
        windlass_domain::time::from_millis(0)
    }

    fn next(schedule: &mut Schedule) -> Option<Work> {
        schedule.next(now())
    }

    fn name(name: &str) -> ApplicationName {
        ApplicationName::new("", name).expect("a name")
    }

    fn question(repository: &str) -> Question {
        Question { repository: repository.into(), target_revision: "main".into(), tag_prefix: String::new() }
    }

    fn found(digit: char) -> Found {
        let revision = Revision::parse(&digit.to_string().repeat(40)).expect("a revision");
        Found { revision, reference: Some("refs/heads/main".into()) }
    }

    fn looked(question: Option<Question>, seen: Option<Result<Found, Problem>>) -> Looked {
        let refreshed = crate::desired::Refreshed { revision: None, changed: true, conditions: vec![] };
        Looked { project: "default".into(), refreshed, question, seen, record: 7 }
    }

    #[test]
    fn one_application_is_never_worked_on_twice_at_once() {
        let mut schedule = Schedule::new(8);
        schedule.add(name("a"), Look::Now, vec![]);
        assert!(next(&mut schedule).is_some());
        schedule.add(name("a"), Look::Now, vec![]);
        assert!(next(&mut schedule).is_none());
        schedule.done(&name("a"), None, now());
        assert!(next(&mut schedule).is_some());
    }

    #[test]
    fn a_refresh_is_never_answered_with_an_older_look() {
        let mut schedule = Schedule::new(8);
        schedule.add(name("a"), Look::Now, vec![]);
        schedule.add(name("a"), Look::At(found('1')), vec![]);
        assert!(matches!(next(&mut schedule).map(|work| work.look), Some(Look::Now)));
    }

    #[test]
    fn a_slow_repository_leaves_room_for_others() {
        let mut schedule = Schedule::new(4);
        for app in ["a", "b", "c", "d"] {
            schedule.know(name(app), Some(question("slow")));
            schedule.add(name(app), Look::Now, vec![]);
        }
        assert_eq!(std::iter::from_fn(|| next(&mut schedule)).count(), 2);
        schedule.know(name("z"), Some(question("fast")));
        schedule.add(name("z"), Look::Now, vec![]);
        assert_eq!(next(&mut schedule).map(|work| work.name), Some(name("z")));
    }

    #[test]
    fn a_record_is_looked_at_once_whoever_tells_of_it() {
        let mut schedule = Schedule::new(8);
        assert!(!schedule.has_seen(&name("a"), 7), "an application that nobody knew");
        schedule.done(&name("a"), Some(&looked(None, None)), now());
        assert!(schedule.has_seen(&name("a"), 7));
        assert!(!schedule.has_seen(&name("a"), 8), "written again");
        assert!(!schedule.has_seen(&name("a"), 0), "on its way out");
        schedule.done(&name("a"), None, now());
        assert!(!schedule.has_seen(&name("a"), 7), "its look failed");
    }

    #[test]
    fn only_news_lead_to_a_look() {
        let mut schedule = Schedule::new(8);
        schedule.know(name("a"), Some(question("r")));
        schedule.answered(&question("r"), &Ok(found('1')));
        assert!(next(&mut schedule).is_some());
        schedule.done(&name("a"), Some(&looked(Some(question("r")), Some(Ok(found('1'))))), now());
        schedule.answered(&question("r"), &Ok(found('1')));
        assert!(next(&mut schedule).is_none());
        schedule.answered(&question("r"), &Ok(found('2')));
        assert!(next(&mut schedule).is_some());
    }

    #[test]
    fn who_saw_something_else_than_the_last_answer_is_told_again() {
        let mut schedule = Schedule::new(8);
        schedule.know(name("a"), Some(question("r")));
        schedule.answered(&question("r"), &Ok(found('1')));
        assert!(next(&mut schedule).is_some());
        // It asked by itself meanwhile, and got something newer; then the branch went back.
        schedule.done(&name("a"), Some(&looked(Some(question("r")), Some(Ok(found('2'))))), now());
        schedule.answered(&question("r"), &Ok(found('1')));
        assert!(next(&mut schedule).is_some(), "it has not seen what the repository says");
        schedule.done(&name("a"), None, now());
        schedule.answered(&question("r"), &Ok(found('1')));
        assert!(next(&mut schedule).is_some(), "its look failed");
    }

    #[test]
    fn another_tag_on_the_same_commit_is_news() {
        let mut schedule = Schedule::new(8);
        schedule.know(name("a"), Some(question("r")));
        schedule.answered(&question("r"), &Ok(found('1')));
        next(&mut schedule);
        schedule.done(&name("a"), Some(&looked(Some(question("r")), Some(Ok(found('1'))))), now());
        let tag = Found { reference: Some("refs/tags/v2".into()), ..found('1') };
        schedule.answered(&question("r"), &Ok(tag));
        assert!(next(&mut schedule).is_some());
    }

    #[test]
    fn a_question_lives_as_long_as_somebody_has_it() {
        let mut schedule = Schedule::new(8);
        for app in ["a", "b"] {
            schedule.know(name(app), Some(question("r")));
        }
        assert_eq!(schedule.questions().count(), 1);
        schedule.done(&name("a"), Some(&looked(Some(question("s")), None)), now());
        assert_eq!(schedule.questions().count(), 2);
        schedule.forget(&name("a"));
        schedule.forget(&name("b"));
        assert_eq!(schedule.questions().count(), 0);
        schedule.answered(&question("r"), &Ok(found('1')));
        assert!(next(&mut schedule).is_none());
    }

    #[test]
    fn a_changed_repository_is_asked_for_all_its_questions() {
        let mut schedule = Schedule::new(8);
        schedule.know(name("a"), Some(question("r")));
        schedule.know(name("b"), Some(Question { target_revision: "dev".into(), ..question("r") }));
        schedule.know(name("c"), Some(question("r2")));
        schedule.add_repository("r");
        let mut names: Vec<_> = std::iter::from_fn(|| next(&mut schedule)).map(|work| work.name).collect();
        names.sort();
        assert_eq!(names, [name("a"), name("b")]);
    }

    #[test]
    fn who_has_no_question_is_looked_at_until_it_works() {
        let mut schedule = Schedule::new(8);
        schedule.know(name("a"), None);
        schedule.add_orphans();
        assert!(next(&mut schedule).is_some());
        schedule.done(&name("a"), Some(&looked(None, Some(Err(Problem::spec("no source"))))), now());
        schedule.add_orphans();
        assert!(next(&mut schedule).is_none());
    }
}
