//! One run of one script.

use std::time::{Duration, Instant};

use mlua::{HookTriggers, Lua, LuaOptions, LuaSerdeExt as _, StdLib, Value as LuaValue, VmState};
use serde_json::Value;
use windlass_runtime::clock::Clock;

/// What one run may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time from its first instruction; 1 s in Argo CD.
    pub time: Duration,
    /// Bytes that its values may take.
    pub memory: usize,
    /// Bytes that its text may have.
    pub source: usize,
}

/// Why a script gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is longer than any script that a person wrote.
    #[error("the script has {0} bytes, {1} are allowed")]
    TooLong(usize, usize),
    /// It did not end.
    #[error("the script did not end within {0:?}")]
    TooSlow(Duration),
    /// It took more memory than it may.
    #[error("the script took more than {0} MiB of memory")]
    TooBig(usize),
    /// It is not Lua, or it failed.
    #[error("the script failed: {0}")]
    Failed(String),
    /// It returned something else than was asked for.
    #[error("expected {wanted} from the script, not {found}")]
    Returned {
        /// What was asked for.
        wanted: &'static str,
        /// The type of what came.
        found: &'static str,
    },
}

/// Base functions that read files, load code, or change the interpreter.
const REMOVED: &[&str] = &[
    "dofile",
    "load",
    "loadfile",
    "loadstring",
    "collectgarbage",
    "newproxy",
    "coroutine",
    "print",
    "xpcall",
    "module",
    "setfenv",
    "getfenv",
    "gcinfo",
];
/// Instructions between two looks at the clock.
const SLICE: u32 = 10_000;

/// Runs a script with `obj` set, and hands what it returned to `read`.
pub(super) fn run<T>(
    source: &str,
    object: &Value,
    limits: Limits,
    clock: &Clock,
    read: impl FnOnce(&Lua, LuaValue) -> Result<T, Error>,
) -> Result<T, Error> {
    run_with(source, &[("obj", object)], limits, clock, read)
}

/// As [`run`], with these variables set.
pub(super) fn run_with<T>(
    source: &str,
    inputs: &[(&str, &Value)],
    limits: Limits,
    clock: &Clock,
    read: impl FnOnce(&Lua, LuaValue) -> Result<T, Error>,
) -> Result<T, Error> {
    if source.len() > limits.source {
        return Err(Error::TooLong(source.len(), limits.source));
    }
    let failed = |error: mlua::Error| named(&error, limits);
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default()).map_err(failed)?;
    lua.set_memory_limit(limits.memory).map_err(failed)?;
    // Real time: it bounds work, and decides nothing.
    #[allow(clippy::disallowed_methods)]
    let began = Instant::now();
    let hook = move |_: &Lua, _: &mlua::debug::Debug<'_>| {
        if began.elapsed() > limits.time { Err(mlua::Error::runtime(TIME_IS_UP)) } else { Ok(VmState::Continue) }
    };
    lua.set_global_hook(HookTriggers::new().every_nth_instruction(SLICE), hook).map_err(failed)?;
    prepare(&lua, inputs, clock).map_err(failed)?;
    let returned = lua
        .load(source)
        .set_name("=script")
        .set_mode(mlua::chunk::ChunkMode::Text)
        .eval::<LuaValue>()
        .map_err(failed)?;
    read(&lua, returned)
}

const TIME_IS_UP: &str = "windlass: the time is up";

/// `pcall` that lets our own limits through: Lua's would catch them, and the script go on for ever.
fn protected_call(lua: &Lua) -> mlua::Result<mlua::Function> {
    lua.create_function(|lua, (function, arguments): (mlua::Function, mlua::MultiValue)| {
        match function.call::<mlua::MultiValue>(arguments) {
            Ok(mut returned) => {
                returned.push_front(LuaValue::Boolean(true));
                Ok(returned)
            }
            Err(error) if is_limit(&error) => Err(error),
            Err(error) => {
                let why = lua.create_string(error.to_string().lines().next().unwrap_or_default())?;
                Ok(mlua::MultiValue::from_vec(vec![LuaValue::Boolean(false), LuaValue::String(why)]))
            }
        }
    })
}

fn is_limit(error: &mlua::Error) -> bool {
    let text = error.to_string();
    text.contains(TIME_IS_UP) || text.contains("not enough memory")
}

fn named(error: &mlua::Error, limits: Limits) -> Error {
    let text = error.to_string();
    if matches!(error, mlua::Error::MemoryError(_)) || text.contains("not enough memory") {
        Error::TooBig(limits.memory >> 20)
    } else if text.contains(TIME_IS_UP) {
        Error::TooSlow(limits.time)
    } else {
        // The first line says what and where; the rest is a trace of our own calls.
        Error::Failed(text.lines().next().unwrap_or_default().chars().take(500).collect())
    }
}

fn prepare(lua: &Lua, inputs: &[(&str, &Value)], clock: &Clock) -> mlua::Result<()> {
    let globals = lua.globals();
    for name in REMOVED {
        globals.raw_remove(*name)?;
    }
    globals.set("os", clock_of(lua, clock)?)?;
    globals.set("pcall", protected_call(lua)?)?;
    // As in Argo CD, null is nil: a script asks `obj.status ~= nil`.
    let options = mlua::serde::ser::Options::new()
        .serialize_none_to_null(false)
        .serialize_unit_to_null(false)
        .set_array_metatable(false);
    for (name, value) in inputs {
        globals.set(*name, lua.to_value_with(*value, options)?)?;
    }
    Ok(())
}

/// `os.time` and `os.date`, all that Argo CD's safe `os` has.
fn clock_of(lua: &Lua, clock: &Clock) -> mlua::Result<mlua::Table> {
    let os = lua.create_table()?;
    let now = clock.clone();
    let time = lua.create_function(move |_, table: Option<mlua::Table>| match table {
        None => Ok(now.now().as_second()),
        Some(table) => from_fields(&table),
    })?;
    let now = clock.clone();
    let date = lua.create_function(move |_, (format, at): (Option<String>, Option<i64>)| {
        let at = at.unwrap_or_else(|| now.now().as_second());
        date_of(format.as_deref().unwrap_or("%c"), at).map_err(mlua::Error::runtime)
    })?;
    os.set("time", time)?;
    os.set("date", date)?;
    Ok(os)
}

fn from_fields(table: &mlua::Table) -> mlua::Result<i64> {
    let field =
        |name: &str, otherwise: i64| Ok::<i64, mlua::Error>(table.get::<Option<i64>>(name)?.unwrap_or(otherwise));
    let bad = |e: jiff::Error| mlua::Error::runtime(e.to_string());
    let narrow = |n: i64| i8::try_from(n).map_err(|_| mlua::Error::runtime("os.time: a field is out of range"));
    let year =
        i16::try_from(field("year", 1970)?).map_err(|_| mlua::Error::runtime("os.time: the year is out of range"))?;
    let date = jiff::civil::Date::new(year, narrow(field("month", 1)?)?, narrow(field("day", 1)?)?).map_err(bad)?;
    let time = date.at(narrow(field("hour", 12)?)?, narrow(field("min", 0)?)?, narrow(field("sec", 0)?)?, 0);
    Ok(time.to_zoned(jiff::tz::TimeZone::UTC).map_err(bad)?.timestamp().as_second())
}

/// `!` in front, UTC, is what there is anyway.
fn date_of(format: &str, at: i64) -> Result<String, String> {
    let format = format.trim_start_matches('!');
    let at = jiff::Timestamp::from_second(at).map_err(|e| e.to_string())?;
    let format = if format == "%c" { "%a %b %e %H:%M:%S %Y" } else { format };
    jiff::fmt::strtime::format(format, at).map_err(|e| e.to_string())
}

// === impl Error ===

impl Error {
    /// Whether it overran what it may use: it will again.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::TooSlow(_) | Self::TooBig(_))
    }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(1), memory: 32 << 20, source: 1 << 20 }
    }
}
