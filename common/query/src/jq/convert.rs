//! JSON into jaq's values.

use jaq_json::{Map, Num, Val};
use serde_json::Value;

/// The same value.
pub(super) fn value(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::from(*flag),
        Value::Number(number) => Val::Num(match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => Num::from_integral(number),
            (None, Some(number), _) => Num::from_integral(number),
            (None, None, number) => Num::Float(number.unwrap_or_default()),
        }),
        Value::String(text) => Val::from(text.clone()),
        Value::Array(list) => list.iter().map(self::value).collect(),
        Value::Object(map) => {
            let fields = map.iter().map(|(name, field)| (Val::from(name.clone()), self::value(field)));
            Val::obj(fields.collect::<Map>())
        }
    }
}
