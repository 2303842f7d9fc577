//! Rules as people give them, looked at once.

use serde_json::Value;
use windlass_query::{Glob, jq};

use crate::target::IgnoreDifference;

/// Most rules of one list.
const MAX_RULES: usize = 500;
/// Most pointers, expressions or managers of one rule.
const MAX_OF_RULE: usize = 200;
/// Most bytes of a pointer or of a manager's name.
const MAX_TEXT: usize = 2048;
const FIELDS: [&str; 7] =
    ["group", "kind", "name", "namespace", "jsonPointers", "jqPathExpressions", "managedFieldsManagers"];

/// Looks at the rules of an application.
///
/// # Errors
/// The place (`[2].jqPathExpressions[0]`), and what is wrong there.
pub fn check(rules: &[Value]) -> Result<(), (String, String)> {
    if rules.len() > MAX_RULES {
        return Err((String::new(), format!("has {} rules; the limit is {MAX_RULES}", rules.len())));
    }
    for (index, rule) in rules.iter().enumerate() {
        check_one(rule, true).map_err(|(field, problem)| (format!("[{index}]{field}"), problem))?;
    }
    Ok(())
}

/// A rule as it was given; `None` for what is none.
pub(crate) fn read(rule: &Value) -> Option<IgnoreDifference> {
    serde_json::from_value(without_nulls(rule)).ok()
}

/// Looks at one rule; one of the whole installation has its kind elsewhere.
pub(crate) fn check_one(rule: &Value, names_kind: bool) -> Result<IgnoreDifference, (String, String)> {
    let fields = rule.as_object().ok_or_else(|| (String::new(), "is no object".to_owned()))?;
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err((format!(".{unknown}"), format!("is not known; expected one of {}", FIELDS.join(", "))));
    }
    let parsed: IgnoreDifference =
        serde_json::from_value(without_nulls(rule)).map_err(|error| (String::new(), error.to_string()))?;
    if names_kind && parsed.kind.is_empty() {
        return Err((".kind".into(), "is missing; \"*\" is every kind".into()));
    }
    for (field, pattern) in
        [("group", &parsed.group), ("kind", &parsed.kind), ("name", &parsed.name), ("namespace", &parsed.namespace)]
    {
        Glob::gobwas(pattern, None).map_err(|error| (format!(".{field}"), error.to_string()))?;
    }
    each("jsonPointers", &parsed.json_pointers, |pointer| {
        (!pointer.starts_with('/'))
            .then(|| format!("{pointer:?} is no JSON pointer: it begins with /, as /spec/replicas"))
    })?;
    each("jqPathExpressions", &parsed.jq_path_expressions, |expression| {
        jq::check(expression).err().map(|error| error.to_string())
    })?;
    each("managedFieldsManagers", &parsed.managed_fields_managers, |manager| {
        manager.is_empty().then(|| "is empty".to_owned())
    })?;
    let nothing = parsed.json_pointers.is_empty()
        && parsed.jq_path_expressions.is_empty()
        && parsed.managed_fields_managers.is_empty();
    if nothing {
        let ways = "jsonPointers, jqPathExpressions or managedFieldsManagers";
        return Err((String::new(), format!("ignores nothing: give {ways}")));
    }
    Ok(parsed)
}

fn each(field: &str, texts: &[String], problem: impl Fn(&str) -> Option<String>) -> Result<(), (String, String)> {
    if texts.len() > MAX_OF_RULE {
        return Err((format!(".{field}"), format!("has {} entries; the limit is {MAX_OF_RULE}", texts.len())));
    }
    for (index, text) in texts.iter().enumerate() {
        let too_long = (text.len() > MAX_TEXT).then(|| format!("has {} bytes; the limit is {MAX_TEXT}", text.len()));
        if let Some(problem) = too_long.or_else(|| problem(text)) {
            return Err((format!(".{field}[{index}]"), problem));
        }
    }
    Ok(())
}

/// As everywhere in Kubernetes: null is absent.
fn without_nulls(rule: &Value) -> Value {
    let fields = rule.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}
