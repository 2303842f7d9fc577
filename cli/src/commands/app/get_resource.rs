//! `windlass app get-resource`.

use std::collections::BTreeSet;

use anyhow::bail;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::name::NameArgs;
use crate::client::Client;
use crate::output::{self, yaml};

/// Show objects of an application as they are in the cluster. Values of Secrets are masked.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass app get-resource web --kind Deployment --resource-name web\n  \
    windlass app get-resource web --kind Pod --resource-name web-5d9c-x2 --cluster eu-1 -o json\n  \
    windlass app get-resource web --kind ConfigMap --filter-fields data")]
pub(crate) struct GetResource {
    #[command(flatten)]
    name: NameArgs,
    #[command(flatten)]
    selector: SelectorArgs,
    /// Show managedFields too.
    #[arg(long)]
    show_managed_fields: bool,
    /// Only these fields, as paths with dots.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    filter_fields: Vec<String>,
    /// How to print.
    #[arg(short = 'o', long, alias = "out", value_enum, default_value_t = ObjectFormat::Yaml, value_name = "FORMAT")]
    output: ObjectFormat,
}

/// Which objects of an application, on which cluster.
#[derive(Args)]
pub(super) struct SelectorArgs {
    /// Kind of the objects.
    #[arg(long, required = true)]
    kind: String,
    /// Name of the object; every one of the kind without it.
    #[arg(long, value_name = "NAME")]
    resource_name: Option<String>,
    /// Namespace of the objects.
    #[arg(long)]
    namespace: Option<String>,
    /// API group of the kind; "" is the core group.
    #[arg(long)]
    group: Option<String>,
    /// On this cluster; needed where the application is on more than one.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
}

/// How an object is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    /// As YAML.
    Yaml,
    /// As JSON.
    Json,
}

impl GetResource {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let answer: Value = client.get(&self.name.live("resource"), &self.selector.query()).await?;
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        if items.is_empty() {
            bail!("nothing found");
        }
        let shown: Vec<Value> = items.into_iter().map(|item| self.shown(item)).collect();
        match self.output {
            ObjectFormat::Json => output::json(&one_or_all(shown))?,
            ObjectFormat::Yaml => {
                let documents: Vec<String> =
                    shown.iter().map(|item| yaml::to_string(item).trim_end().to_owned()).collect();
                output::line(&documents.join("\n---\n"))?;
            }
        }
        if answer["truncated"] == true {
            output::note("there are more objects than one answer holds; name them with --resource-name");
        }
        Ok(())
    }

    fn shown(&self, mut object: Value) -> Value {
        if let Some(metadata) = object["metadata"].as_object_mut().filter(|_| !self.show_managed_fields) {
            metadata.remove("managedFields");
        }
        if self.filter_fields.is_empty() { object } else { only(&object, &self.filter_fields) }
    }
}

impl SelectorArgs {
    fn query(&self) -> [(&'static str, Option<String>); 5] {
        [
            ("cluster", self.cluster.clone()),
            ("group", self.group.clone()),
            ("kind", Some(self.kind.clone())),
            ("resourceNamespace", self.namespace.clone()),
            ("resourceName", self.resource_name.clone()),
        ]
    }
}

fn one_or_all(mut objects: Vec<Value>) -> Value {
    if objects.len() == 1 { objects.remove(0) } else { Value::Array(objects) }
}

/// The object with these fields and nothing else; in lists, of every element.
fn only(object: &Value, fields: &[String]) -> Value {
    match object {
        Value::Object(map) => {
            let heads: BTreeSet<&str> = fields.iter().map(|field| head(field).0).collect();
            let mut kept = Map::new();
            for name in heads {
                let Some(value) = map.get(name) else { continue };
                let below: Vec<String> = fields
                    .iter()
                    .filter_map(|field| match head(field) {
                        (head, rest) if head == name => rest.map(str::to_owned),
                        _ => None,
                    })
                    .collect();
                let whole = fields.iter().any(|field| field == name) || below.is_empty();
                kept.insert(name.to_owned(), if whole { value.clone() } else { only(value, &below) });
            }
            Value::Object(kept)
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| only(item, fields)).collect()),
        leaf => leaf.clone(),
    }
}

fn head(field: &str) -> (&str, Option<&str>) {
    field.split_once('.').map_or((field, None), |(head, rest)| (head, Some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_picked_by_path_through_lists() {
        let object = json!({"kind": "Pod", "metadata": {"name": "a", "uid": "u"}, "spec": {"containers": [{"image": "i", "name": "c"}]}});
        let fields = ["kind", "metadata.name", "spec.containers.image"].map(str::to_owned);
        let want = json!({"kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"image": "i"}]}});
        assert_eq!(only(&object, &fields), want);
        assert_eq!(
            only(&object, &["metadata".to_owned(), "metadata.name".to_owned()]),
            json!({"metadata": {"name": "a", "uid": "u"}})
        );
    }
}
