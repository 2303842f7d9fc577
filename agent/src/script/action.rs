//! Argo CD's action scripts: `obj` in, and for discovery a table of actions out, for an action the changed object or a list of writes.

use mlua::{Table, Value as LuaValue};
use serde_json::{Map, Value};
use windlass_domain::action::{Offer, Operation, Parameter, Parameters};
use windlass_runtime::clock::Clock;

use super::sandbox::{Error, Limits, run_with};

/// Says which actions an object has, and which of them are possible now.
pub struct DiscoveryScript(Script);

/// What one action does.
pub struct ActionScript(Script);

struct Script {
    source: String,
    limits: Limits,
}

/// The most actions that a discovery may tell of.
const MOST_OFFERS: usize = 64;
/// The most parameters of one action.
const MOST_PARAMETERS: usize = 32;
/// The longest name or text of an action, in characters.
const TEXT: usize = 253;
/// How deep a returned object may be; Kubernetes' own limit is a few times less.
const DEEP: usize = 128;
/// Values that one run may return: the largest object that etcd takes has fewer.
const VALUES: usize = 200_000;

// === impl DiscoveryScript ===

impl DiscoveryScript {
    /// Takes the text of a script.
    pub fn new(source: impl Into<String>) -> Self {
        Self(Script { source: source.into(), limits: Limits::default() })
    }

    /// The same under other limits.
    pub fn with(self, limits: Limits) -> Self {
        Self(Script { limits, ..self.0 })
    }

    /// The actions of an object, by name. Takes as long as its limits allow: not for a thread that others wait for.
    ///
    /// # Errors
    /// When the script fails, does not end, or returns no table of actions.
    pub fn discover(&self, object: &Value, clock: &Clock) -> Result<Vec<Offer>, Error> {
        self.0.run(object, None, clock, |returned| {
            let LuaValue::Table(actions) = returned else {
                return Err(Error::Returned { wanted: "a table of actions", found: returned.type_name() });
            };
            let mut offers = Vec::new();
            for pair in actions.pairs::<LuaValue, LuaValue>() {
                let (LuaValue::String(name), value) = pair.map_err(failed)? else {
                    return Err(Error::Failed("a name in the table of actions is no text".into()));
                };
                if offers.len() == MOST_OFFERS {
                    return Err(Error::Failed(format!("it tells of more than {MOST_OFFERS} actions")));
                }
                offers.push(offer(cut(&name.to_string_lossy()), &value));
            }
            offers.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(offers)
        })
    }
}

fn offer(name: String, value: &LuaValue) -> Offer {
    let mut offer = Offer {
        name,
        params: Vec::new(),
        disabled: false,
        reason: String::new(),
        display_name: String::new(),
        icon_class: String::new(),
    };
    if let LuaValue::Table(table) = value {
        offer.disabled = matches!(table.raw_get::<LuaValue>("disabled"), Ok(LuaValue::Boolean(true)));
        if offer.disabled {
            "its discovery script says so".clone_into(&mut offer.reason);
        }
        offer.display_name = text(table, "displayName").unwrap_or_default();
        offer.icon_class = text(table, "iconClass").unwrap_or_default();
        offer.params = parameters(table);
    }
    offer
}

fn parameters(action: &Table) -> Vec<Parameter> {
    let Ok(LuaValue::Table(list)) = action.raw_get::<LuaValue>("params") else { return Vec::new() };
    let tables = list.sequence_values::<Table>().take(MOST_PARAMETERS).flatten();
    let one = |table: Table| {
        let default = text(&table, "default").or_else(|| text(&table, "value"));
        text(&table, "name").map(|name| Parameter { name, default })
    };
    tables.filter_map(one).collect()
}

/// A text or number as text.
fn text(table: &Table, field: &str) -> Option<String> {
    match table.raw_get::<LuaValue>(field) {
        Ok(LuaValue::String(text)) => Some(cut(&text.to_string_lossy())),
        Ok(LuaValue::Integer(number)) => Some(number.to_string()),
        Ok(LuaValue::Number(number)) => Some(number.to_string()),
        Ok(LuaValue::Boolean(value)) => Some(value.to_string()),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

// === impl ActionScript ===

impl ActionScript {
    /// Takes the text of a script.
    pub fn new(source: impl Into<String>) -> Self {
        Self(Script { source: source.into(), limits: Limits::default() })
    }

    /// The same under other limits.
    pub fn with(self, limits: Limits) -> Self {
        Self(Script { limits, ..self.0 })
    }

    /// What it makes of an object; parameters are in `actionParams`. Takes as long as its limits allow: not for a thread that others wait for.
    ///
    /// # Errors
    /// When the script fails, does not end, or returns neither an object nor a list of `{operation, resource}`.
    pub fn run(&self, object: &Value, given: &Parameters, clock: &Clock) -> Result<Vec<(Operation, Value)>, Error> {
        self.0.run(object, Some(given), clock, |returned| {
            let LuaValue::Table(table) = returned else {
                return Err(Error::Returned { wanted: "an object", found: returned.type_name() });
            };
            let mut reader = Reader { left: VALUES };
            if table.raw_len() == 0 {
                return Ok(vec![(Operation::Patch, reader.table(&table, Some(object), 0)?)]);
            }
            let writes = table.sequence_values::<LuaValue>();
            writes.map(|write| reader.write(write.map_err(failed)?, object)).collect()
        })
    }
}

// === impl Script ===

impl Script {
    fn run<T>(
        &self,
        object: &Value,
        given: Option<&Parameters>,
        clock: &Clock,
        read: impl FnOnce(LuaValue) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let given: Map<String, Value> =
            given.into_iter().flatten().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        let given = Value::Object(given);
        let inputs = [("obj", object), ("actionParams", &given)];
        run_with(&self.source, &inputs, self.limits, clock, |_, returned| read(returned))
    }
}

/// Lua to JSON, within bounds. Lua has one empty table: it is a list where the object had one, and an object everywhere else.
struct Reader {
    left: usize,
}

// === impl Reader ===

impl Reader {
    /// `{operation = "patch" | "create", resource = ...}`.
    fn write(&mut self, value: LuaValue, object: &Value) -> Result<(Operation, Value), Error> {
        let LuaValue::Table(table) = value else {
            return Err(Error::Returned { wanted: "a list of {operation, resource}", found: value.type_name() });
        };
        let operation = match text(&table, "operation").as_deref() {
            Some("patch") => Operation::Patch,
            Some("create") => Operation::Create,
            other => {
                let other = other.unwrap_or("nothing");
                return Err(Error::Failed(format!("operation is {other:?}; patch and create are possible")));
            }
        };
        let LuaValue::Table(resource) = table.raw_get::<LuaValue>("resource").map_err(failed)? else {
            return Err(Error::Failed("resource is no object".into()));
        };
        let was = (operation == Operation::Patch).then_some(object);
        Ok((operation, self.table(&resource, was, 0)?))
    }

    fn value(&mut self, value: LuaValue, was: Option<&Value>, depth: usize) -> Result<Value, Error> {
        self.left =
            self.left.checked_sub(1).ok_or_else(|| Error::Failed(format!("it returns more than {VALUES} values")))?;
        Ok(match value {
            LuaValue::Nil => Value::Null,
            LuaValue::Boolean(value) => Value::Bool(value),
            LuaValue::Integer(number) => Value::from(number),
            LuaValue::Number(number) => whole(number)?,
            LuaValue::String(text) => Value::from(text.to_string_lossy()),
            LuaValue::Table(table) => self.table(&table, was, depth + 1)?,
            other => return Err(Error::Returned { wanted: "data", found: other.type_name() }),
        })
    }

    fn table(&mut self, table: &Table, was: Option<&Value>, depth: usize) -> Result<Value, Error> {
        if depth > DEEP {
            return Err(Error::Failed(format!("it returns a table that is more than {DEEP} deep, or holds itself")));
        }
        if table.raw_len() > 0 {
            let items = table.sequence_values::<LuaValue>().enumerate();
            let item = |(i, item): (usize, mlua::Result<LuaValue>)| {
                self.value(item.map_err(failed)?, was.and_then(|was| was.get(i)), depth)
            };
            return items.map(item).collect::<Result<Vec<_>, _>>().map(Value::Array);
        }
        let mut map = Map::new();
        for pair in table.pairs::<LuaValue, LuaValue>() {
            let (name, value) = pair.map_err(failed)?;
            let name = match name {
                LuaValue::String(name) => name.to_string_lossy(),
                other => return Err(Error::Returned { wanted: "a field's name", found: other.type_name() }),
            };
            let was = was.and_then(|was| was.get(&name));
            let value = self.value(value, was, depth)?;
            map.insert(name, value);
        }
        Ok(match was {
            Some(Value::Array(_)) if map.is_empty() => Value::Array(Vec::new()),
            _ => Value::Object(map),
        })
    }
}

/// All numbers of Lua are fractions: `3` comes back as 3.
fn whole(number: f64) -> Result<Value, Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[allow(clippy::cast_possible_truncation)]
        return Ok(Value::from(number as i64));
    }
    serde_json::Number::from_f64(number)
        .map(Value::Number)
        .ok_or_else(|| Error::Failed(format!("{number} is no number of JSON")))
}

fn failed(error: mlua::Error) -> Error {
    Error::Failed(error.to_string().lines().next().unwrap_or_default().chars().take(TEXT).collect())
}

#[cfg(test)]
mod tests;
