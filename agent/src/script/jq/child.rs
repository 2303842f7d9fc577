//! The process that evaluates jq: one request a line in, one answer a line out, until its input ends or nothing comes for a minute.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use windlass_domain::ignore::jq::{self, Jq, JqError};
use windlass_domain::ignore::{Path, Step};

/// Argo CD's limit.
const TIME: Duration = Duration::from_secs(1);
/// Resident, all in all.
const MEMORY: u64 = 128 << 20;
/// How often it is looked at: between two looks nothing can take much.
const LOOK: Duration = Duration::from_millis(5);
const IDLE: Duration = Duration::from_secs(60);
const PAGE: u64 = 4096;
/// Compiled expressions that are kept; an installation has fewer.
const MAX_KNOWN: usize = 200;

/// Exit status of one that did not end in time.
pub(super) const TOO_SLOW: i32 = 64;
/// Exit status of one that took too much memory.
pub(super) const TOO_BIG: i32 = 65;
/// For people.
pub(super) const TOO_SLOW_SAID: &str = "did not end within 1 s";
/// For people.
pub(super) const TOO_BIG_SAID: &str = "took more than 128 MiB of memory";

#[derive(Serialize)]
struct Request<'a> {
    expression: &'a str,
    object: &'a Value,
}

#[derive(Deserialize)]
struct Asked {
    expression: String,
    object: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Paths(Vec<Vec<Value>>),
    /// It names nothing of this object; why, for a developer.
    Nothing(String),
}

/// Expressions that were compiled already.
#[derive(Default)]
struct Known(BTreeMap<String, Jq>);

enum Watched {
    Begins,
    Ends,
}

/// A request, as a line.
pub(super) fn request(expression: &str, object: &Value) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Request { expression, object })?;
    line.push(b'\n');
    Ok(line)
}

/// Reads an answer.
pub(super) fn answer(line: &str) -> Result<Vec<Path>, String> {
    let step = |step: Value| match step {
        Value::String(name) => Some(Step::Field(name)),
        Value::Number(place) => place.as_u64().and_then(|place| usize::try_from(place).ok()).map(Step::Element),
        _ => None,
    };
    match serde_json::from_str(line).map_err(|error| error.to_string())? {
        Answer::Paths(paths) => paths
            .into_iter()
            .map(|path| path.into_iter().map(step).collect::<Option<Path>>())
            .collect::<Option<_>>()
            .ok_or_else(|| "an answer that is none".to_owned()),
        Answer::Nothing(_) => Ok(Vec::new()),
    }
}

/// Answers until the input ends.
pub fn main() -> ExitCode {
    let (tell, told) = mpsc::channel();
    let watching = std::thread::Builder::new().name("watch".into()).spawn(move || watch(&told));
    let working = std::thread::Builder::new().name("jq".into()).stack_size(jq::STACK).spawn(move || work(&tell));
    match (watching, working.map(std::thread::JoinHandle::join)) {
        (Ok(_), Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn work(tell: &mpsc::Sender<Watched>) {
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut line = String::new();
    let mut known = Known::default();
    while input.read_line(&mut line).is_ok_and(|read| read > 0) {
        // Whoever is told ends this process; without it nothing may run.
        if tell.send(Watched::Begins).is_err() {
            return;
        }
        // An answer that cannot be written ends this process, which whoever asked notices.
        let Ok(mut said) = serde_json::to_vec(&evaluate(&line, &mut known)) else { return };
        said.push(b'\n');
        if tell.send(Watched::Ends).is_err() || output.write_all(&said).and_then(|()| output.flush()).is_err() {
            return;
        }
        line.clear();
    }
}

fn evaluate(line: &str, known: &mut Known) -> Answer {
    let Ok(Asked { expression, object }) = serde_json::from_str(line) else {
        return Answer::Nothing("no request".into());
    };
    let step = |step: Step| match step {
        Step::Field(name) => Value::from(name),
        Step::Element(place) => Value::from(place),
    };
    match known.paths(&expression, &object) {
        Ok(paths) => Answer::Paths(paths.into_iter().map(|path| path.into_iter().map(step).collect()).collect()),
        Err(JqError::Failed(why)) => Answer::Nothing(why),
        Err(error) => Answer::Nothing(error.to_string()),
    }
}

// === impl Known ===

impl Known {
    fn paths(&mut self, expression: &str, object: &Value) -> Result<Vec<Path>, JqError> {
        if !self.0.contains_key(expression) {
            if self.0.len() >= MAX_KNOWN {
                self.0.clear();
            }
            self.0.insert(expression.to_owned(), Jq::new(expression)?);
        }
        self.0.get(expression).map_or_else(|| Ok(Vec::new()), |jq| jq.paths(object))
    }
}

/// Ends the process when an evaluation overruns, and when nobody asks any more.
#[allow(clippy::disallowed_methods, reason = "real time: it bounds work, and decides nothing")]
fn watch(told: &mpsc::Receiver<Watched>) {
    loop {
        match told.recv_timeout(IDLE) {
            Ok(Watched::Begins) => {}
            Ok(Watched::Ends) => continue,
            Err(_) => std::process::exit(0),
        }
        let began = Instant::now();
        while let Err(mpsc::RecvTimeoutError::Timeout) = told.recv_timeout(LOOK) {
            if began.elapsed() > TIME {
                std::process::exit(TOO_SLOW);
            }
            if resident() > MEMORY {
                std::process::exit(TOO_BIG);
            }
        }
    }
}

/// Where the kernel does not tell, nothing may be taken.
fn resident() -> u64 {
    let told = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = told.as_deref().and_then(|text| text.split(' ').nth(1)).and_then(|pages| pages.parse::<u64>().ok());
    pages.map_or(u64::MAX, |pages| pages.saturating_mul(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_answered_and_the_answer_read() {
        let object = json!({"spec": {"list": [{"name": "a"}, {"name": "b"}]}});
        let ask = |expression: &str| {
            let line = String::from_utf8(request(expression, &object).expect("a line")).expect("text");
            let said = serde_json::to_string(&evaluate(&line, &mut Known::default())).expect("an answer");
            answer(&said)
        };
        let want = vec![vec![Step::Field("spec".into()), Step::Field("list".into()), Step::Element(1)]];
        assert_eq!(ask(".spec.list[] | select(.name == \"b\")"), Ok(want));
        assert_eq!(ask(".spec.list[].name[]"), Ok(vec![]), "what fails names nothing");
        assert!(answer("{}").is_err() && answer("").is_err());
    }
}
