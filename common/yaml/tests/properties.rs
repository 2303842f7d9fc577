//! What holds for any text.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use windlass_yaml::{Limits, documents};

/// Text that looks enough like YAML to get past the first character.
fn yaml_like() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "#",
        " # c\n",
        "|\n",
        ">-\n",
        "|+2\n",
        "&x ",
        "*x",
        "<<: ",
        "!!int ",
        "!!binary ",
        "! ",
        "!t ",
        "'",
        "\"",
        "\\",
        "\\u12",
        "---",
        "\n---\n",
        "...\n",
        "%YAML",
        "\t",
        "\r\n",
        "\r",
        "0x1",
        "1_0",
        "08",
        ".inf",
        "1e400",
        "~",
        "on",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "é",
        "😀",
        "\0",
        "{\"a\":1}",
        "@",
    ];
    vec(proptest::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000_000i32..1_000_000).prop_map(|n| Value::from(f64::from(n) + 0.25)),
        "[ -~é\\n\\t]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec(("[a-zA-Z0-9 :#.-]{1,8}", inner), 0..6).prop_map(|entries| entries.into_iter().collect::<Value>()),
        ]
    })
}

/// A place has to be in the text, or right after its end.
fn check(text: &str) -> Result<(), TestCaseError> {
    let lines = text.split('\n').count() + text.matches('\r').count() + 1;
    match documents(text, &Limits::default()) {
        Ok(documents) => {
            for document in documents {
                prop_assert!(!document.value.is_null());
                prop_assert!((1..=lines).contains(&document.line));
            }
        }
        Err(error) => {
            prop_assert!((1..=lines).contains(&error.line), "{error}");
            prop_assert!(error.column >= 1, "{error}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn yaml_like_text_never_panics(text in yaml_like()) {
        check(&text)?;
    }

    #[test]
    fn json_reads_as_itself(value in json()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let read = documents(&pretty, &Limits::default()).unwrap();
        prop_assert_eq!(&read[0].value, &value);
        let compact = documents(&value.to_string(), &Limits::default()).unwrap();
        prop_assert_eq!(&compact[0].value, &value);
    }

    #[test]
    fn documents_read_alone_as_together(values in vec(json(), 1..5)) {
        let joined = values.iter().map(|value| format!("---\n{value}\n")).collect::<String>();
        let read = documents(&joined, &Limits::default()).unwrap();
        prop_assert_eq!(read.into_iter().map(|document| document.value).collect::<Vec<_>>(), values);
    }
}
