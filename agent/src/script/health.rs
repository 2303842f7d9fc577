//! Argo CD's health scripts: `obj` in, a table with `status` and `message` out.

use mlua::Value as LuaValue;
use serde_json::Value;
use windlass_domain::health::{Health, HealthStatus};
use windlass_runtime::clock::Clock;

use super::sandbox::{Error, Limits, run};

/// A script that says how well an object does.
#[derive(Clone)]
pub struct HealthScript {
    source: String,
    limits: Limits,
}

/// What Argo CD says of a status that it does not know.
const INVALID: &str = "Lua returned an invalid health status";
/// The longest message that is kept, in characters.
const MESSAGE: usize = 1024;

// === impl HealthScript ===

impl HealthScript {
    /// Takes the text of a script.
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), limits: Limits::default() }
    }

    /// The same under other limits.
    pub fn with(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How well an object does. `None` when the script returns nil: it has no opinion, and the object counts for nothing. A status that is none of ours
    /// is Unknown, in Argo CD's words.
    pub fn judge(&self, object: &Value, clock: &Clock) -> Result<Option<Health>, Error> {
        run(&self.source, object, self.limits, clock, |_, returned| match returned {
            LuaValue::Nil => Ok(None),
            LuaValue::Table(table) => {
                let text = |field: &str| match table.raw_get::<LuaValue>(field) {
                    Ok(LuaValue::String(text)) => text.to_string_lossy(),
                    Ok(LuaValue::Integer(number)) => number.to_string(),
                    Ok(LuaValue::Number(number)) => number.to_string(),
                    _ => String::new(),
                };
                let status = serde_json::from_value::<HealthStatus>(Value::from(text("status")));
                let message: String = text("message").chars().take(MESSAGE).collect();
                Ok(Some(match status {
                    Ok(status) => Health::new(status, message),
                    Err(_) => Health::new(HealthStatus::Unknown, INVALID),
                }))
            }
            other => Err(Error::Returned { wanted: "a table", found: other.type_name() }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(source: &str, object: Value) -> Result<Option<Health>, Error> {
        HealthScript::new(source).judge(&object, &Clock::system())
    }

    const CERTIFICATE: &str = r#"
        hs = {}
        if obj.status ~= nil then
          if obj.status.conditions ~= nil then
            for i, condition in ipairs(obj.status.conditions) do
              if condition.type == "Ready" and condition.status == "False" then
                hs.status = "Degraded"
                hs.message = condition.message
                return hs
              end
              if condition.type == "Ready" and condition.status == "True" then
                hs.status = "Healthy"
                hs.message = condition.message
                return hs
              end
            end
          end
        end
        hs.status = "Progressing"
        hs.message = "Waiting for certificate"
        return hs
    "#;

    #[test]
    fn a_script_for_argo_cd_runs_as_it_stands() {
        let ready = |status: &str| json!({"status": {"conditions": [{"type": "Other", "status": "True"}, {"type": "Ready", "status": status, "message": "m"}]}});
        let said = |object: Value| judge(CERTIFICATE, object).map(|h| h.map(|h| (h.status, h.message)));
        assert_eq!(said(ready("True")), Ok(Some((HealthStatus::Healthy, "m".into()))));
        assert_eq!(said(ready("False")), Ok(Some((HealthStatus::Degraded, "m".into()))));
        let waiting = Ok(Some((HealthStatus::Progressing, "Waiting for certificate".into())));
        assert_eq!(said(json!({"status": null})), waiting);
        assert_eq!(said(json!({})), waiting);
    }

    #[test]
    fn what_a_script_returns_is_checked() {
        let status = |source: &str| judge(source, json!({})).map(|h| h.map(|h| (h.status, h.message)));
        assert_eq!(status("return nil"), Ok(None));
        assert_eq!(status("return {status = 'Great'}"), Ok(Some((HealthStatus::Unknown, INVALID.into()))));
        assert_eq!(status("return {message = 'm'}"), Ok(Some((HealthStatus::Unknown, INVALID.into()))));
        assert_eq!(status("return 'Healthy'"), Err(Error::Returned { wanted: "a table", found: "string" }));
        assert!(matches!(status("return {"), Err(Error::Failed(why)) if why.contains("script")), "a syntax error");
        assert!(matches!(status("return obj.a.b"), Err(Error::Failed(_))), "an index of nil");
        let long = format!("return {{status = 'Healthy', message = '{}'}}", "é".repeat(5000));
        assert_eq!(status(&long).map(|h| h.map(|(_, m)| m.chars().count())), Ok(Some(MESSAGE)));
    }

    #[test]
    fn a_script_reads_no_file_and_loads_no_code() {
        for name in [
            "io",
            "package",
            "require",
            "dofile",
            "loadfile",
            "load",
            "loadstring",
            "string",
            "debug",
            "ffi",
            "jit",
            "collectgarbage",
            "print",
        ] {
            let source = format!("return {{status = ({name} == nil) and 'Healthy' or 'Degraded'}}");
            let health = judge(&source, json!({})).expect("an answer").expect("a status");
            assert_eq!(health.status, HealthStatus::Healthy, "{name} is there");
        }
        for name in ["execute", "exit", "getenv", "remove", "rename", "tmpname"] {
            let source = format!("return {{status = (os.{name} == nil) and 'Healthy' or 'Degraded'}}");
            assert_eq!(judge(&source, json!({})).expect("an answer").expect("a status").status, HealthStatus::Healthy);
        }
        // Precompiled code could break out of the interpreter.
        assert!(matches!(judge("\u{1b}LJ\u{2}", json!({})), Err(Error::Failed(_))));
    }

    #[test]
    fn a_script_that_does_not_end_is_ended() {
        let limits = Limits { time: std::time::Duration::from_millis(50), ..Limits::default() };
        for source in [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "local function f() return f() end return f()",
        ] {
            let ended = HealthScript::new(source).with(limits).judge(&json!({}), &Clock::system());
            assert_eq!(ended, Err(Error::TooSlow(limits.time)), "{source}");
        }
        let endless = HealthScript::new("local t = {} while true do t[#t + 1] = {1, 2, 3} end")
            .judge(&json!({}), &Clock::system());
        assert!(matches!(endless, Err(Error::TooBig(32))), "{endless:?}");
    }

    #[test]
    fn the_clock_is_there_as_in_argo_cd() {
        let source = "local at = os.time({year = 2026, month = 11, day = 23, hour = 10, min = 0, sec = 0})
            return {status = (os.time() > at - 1e9) and 'Healthy' or 'Degraded', message = os.date('!%Y-%m-%dT%H:%M:%SZ', at)}";
        let health = judge(source, json!({})).expect("an answer").expect("a status");
        assert_eq!((health.status, health.message.as_str()), (HealthStatus::Healthy, "2026-11-23T10:00:00Z"));
    }
}
