package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/itchyny/gojq"
)

// jqTable has what is left of each object after `del(expression)`, as Argo CD's ignoreDifferences has it; `same` where nothing went, `failed` where
// the expression did.
type jqTable struct {
	Objects []any    `json:"objects"`
	Cases   []jqCase `json:"cases"`
}

type jqCase struct {
	Expression string `json:"expression"`
	// Whether gojq takes it at all.
	Parses bool  `json:"parses"`
	Left   []any `json:"left,omitempty"`
}

func jqCases() jqTable {
	table := jqTable{}
	for _, text := range jqObjects {
		var object any
		check(json.Unmarshal([]byte(text), &object))
		table.Objects = append(table.Objects, object)
	}
	for _, expression := range unique(jqExpressions) {
		table.Cases = append(table.Cases, jqAnswer(expression))
	}
	return table
}

func jqAnswer(expression string) jqCase {
	answer := jqCase{Expression: expression}
	query, err := gojq.Parse(fmt.Sprintf("del(%s)", expression))
	if err != nil {
		return answer
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return answer
	}
	answer.Parses = true
	for _, text := range jqObjects {
		var object any
		check(json.Unmarshal([]byte(text), &object))
		var whole any
		check(json.Unmarshal([]byte(text), &whole))
		left, ok := code.Run(whole).Next()
		if _, failed := left.(error); failed || !ok {
			left = "failed"
		} else if reflect.DeepEqual(left, object) {
			left = "same"
		}
		answer.Left = append(answer.Left, left)
	}
	return answer
}

var jqObjects = []string{
	`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"app":"web","helm.sh/chart":"web-1"},"annotations":{"deployment.kubernetes.io/revision":"3","kubectl.kubernetes.io/restartedAt":"x"}},"spec":{"replicas":3,"paused":false,"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"x","checksum/config":"abc"}},"spec":{"containers":[{"name":"web","image":"web:1","env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"resources":{"limits":{"cpu":"1"},"requests":{"cpu":"1"}},"ports":[{"containerPort":80,"protocol":"TCP"}]},{"name":"istio-proxy","image":"proxyv2:1","resources":{"limits":{"cpu":"2"}}}],"initContainers":[{"name":"istio-init","image":"proxyv2:1"},{"name":"migrate","image":"web:1"}],"volumes":[{"name":"v","emptyDir":{}},{"name":"istio-token","secret":{"secretName":"s"}}],"tolerations":null}}}}`,
	`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration","metadata":{"name":"hook"},"webhooks":[{"name":"a.example.com","clientConfig":{"caBundle":"Cg==","service":{"name":"a","port":443}},"failurePolicy":"Fail","namespaceSelector":{"matchExpressions":[{"key":"x","operator":"NotIn","values":["1","2"]}]}},{"name":"b.example.com","clientConfig":{"service":{"name":"b"}},"failurePolicy":"Ignore"}]}`,
	`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"x"},"spec":{"conversion":{"strategy":"None"},"versions":[{"name":"v1","served":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"a":{"type":"string","default":null,"description":"d"},"b":{"type":"array","items":{"type":"string","description":"e"}}}}}},{"name":"v1beta1","served":false}],"preserveUnknownFields":false}}`,
	`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"tls.crt":"YQ==","tls.key":"Yg==","password":"cGFzcw=="},"type":"kubernetes.io/tls"}`,
	`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","spec":{"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}},{"type":"Resource","resource":{"name":"memory","target":{"averageValue":"1Gi"}}}],"minReplicas":1,"maxReplicas":10}}`,
	`{}`, `{"spec":null}`, `{"spec":[]}`, `{"spec":"text"}`, `{"spec":{"a":{"b":[1,2.5,-3,"x",null,true,{"c":[]}]}},"data":[[1,2],[3]]}`,
}

var jqExpressions = []string{
	// As people write them: Argo CD's documentation, its issues, charts and blogs.
	".spec.replicas", ".spec.template.spec.containers[].resources", ".spec.template.spec.initContainers[] | select(.name == \"injected-init-container\")",
	".spec.template.spec.initContainers[] | select(.name == \"istio-init\")", ".spec.template.spec.containers[] | select(.name == \"istio-proxy\")",
	".webhooks[]?.clientConfig.caBundle", ".webhooks[].clientConfig.caBundle", ".webhooks[] | select(.name == \"a.example.com\") | .clientConfig.caBundle",
	".webhooks[]?.failurePolicy", ".webhooks[]?.namespaceSelector.matchExpressions[]?.values", ".webhooks[]?.namespaceSelector.matchExpressions[] | select(.key == \"x\")",
	".spec.template.spec.containers[] | select(.name == \"web\") | .image", ".spec.template.spec.containers[].env[] | select(.name == \"A\") | .value",
	".spec.template.spec.containers[].env[]? | select(.name == \"A\" or .name == \"B\")", ".spec.template.spec.containers[0].env[0].value",
	".spec.template.metadata.annotations.\"kubectl.kubernetes.io/restartedAt\"", ".spec.template.metadata.annotations[\"checksum/config\"]",
	".metadata.annotations | select(.[\"deployment.kubernetes.io/revision\"])", ".metadata.labels.\"helm.sh/chart\"", ".metadata.labels[\"helm.sh/chart\"]", ".metadata.labels",
	".spec.versions[].schema.openAPIV3Schema", ".spec.versions[]?.schema.openAPIV3Schema.properties | .. | .default?", ".spec.versions[] | select(.name == \"v1\")",
	".spec.conversion.webhook.clientConfig.caBundle", ".spec.preserveUnknownFields", ".spec.versions[].schema.openAPIV3Schema | .. | .description?",
	".data[\"tls.crt\"]", ".data.\"tls.crt\", .data.\"tls.key\"", ".data | .password", ".data | to_entries", ".data | keys", ".data | with_entries(.)", ".data[]", ".data",
	".spec.metrics", ".spec.metrics[].resource.target.averageUtilization", ".spec.metrics[] | select(.resource.name == \"memory\")", ".spec.metrics[].resource | select(.name == \"cpu\") | .target",
	".spec.minReplicas // empty", ".spec | select(.maxReplicas == 10) | .maxReplicas", ".spec.maxReplicas",
	".spec.template.spec.volumes[]? | select(.name == \"istio-token\")", ".spec.template.spec.volumes[]? | select(.secret != null)", ".spec.template.spec.volumes[] | select(has(\"secret\"))",
	".spec.template.spec.containers[] | select(.image | startswith(\"proxyv2\"))", ".spec.template.spec.containers[] | select(.image | test(\"^proxy.*:1$\"))",
	".spec.template.spec.containers[] | select(.name | IN(\"web\", \"x\")) | .ports", ".spec.template.spec.containers[] | select(.name | contains(\"istio\")) | .resources",
	".spec.template.spec.containers[] | select(.ports[]?.containerPort == 80) | .ports", ".spec.template.spec.containers[] | select(any(.env[]?; .name == \"A\"))",
	".spec.template.spec | .containers[], .initContainers[] | .image", ".spec.template.spec.containers[1:]", ".spec.template.spec.containers[:1]", ".spec.template.spec.containers[-1]",
	".spec.template.spec.containers[-1:]", ".spec.template.spec.containers[0, 1].image", ".spec.template.spec.containers | first", ".spec.template.spec.containers | last", ".spec.template.spec.containers | .[0]",
	"first(.spec.template.spec.containers[] | select(.image))", "limit(1; .spec.template.spec.containers[])", "last(.spec.template.spec.containers[])", ".spec.template.spec.containers | map(.image)",
	".status", ".status?", ".status.conditions[]? | select(.type == \"Ready\")", "..", ".. | .image?", ".. | select(type == \"number\")", ".. | objects | .name", "..|.resources?", "recurse | .cpu?",
	".", "empty", "(.spec.replicas, .spec.paused)", ".spec | (.replicas, .paused)", ".spec[\"replicas\", \"paused\"]", ".spec | .replicas, .paused", ".spec[\"replicas\"]", ".[\"spec\"][\"replicas\"]", ".spec.[\"replicas\"]", ".\"spec\".\"replicas\"",
	"if .spec.replicas then .spec.replicas else .spec.paused end", "if .kind == \"Deployment\" then .spec.replicas else empty end", "if .kind == \"Deployment\" then .spec.replicas end",
	".spec.a.b[0]", ".spec.a.b[1:3]", ".spec.a.b[-2]", ".spec.a.b[10]", ".spec.a.b[-10]", ".spec.a.b[]", ".spec.a.b[] | numbers", ".spec.a.b[] | select(. == 2.5)", ".spec.a.b[] | select(. == null)", ".spec.a.b | .[]?", ".data[][0]", ".data[0][]", ".data[][]?", ".spec[]", ".spec[]?", ".spec.a?", ".spec.a?.b?", ".spec.x.y.z", ".spec[0]", ".spec[0]?", ".spec | arrays", ".spec | strings", ".spec | objects",
	"try .spec.a.b.c catch .", "try error(\"x\") catch .", "(.spec.a.b.c)?", ".spec as $s | .data", ".kind as $k | .metadata | select($k == \"Secret\") | .name", ". as {kind: $k} | .metadata.name", "reduce (\"spec\", \"replicas\") as $k (.; .[$k])", "foreach (\"spec\", \"template\") as $k (.; .[$k])",
	"getpath([\"spec\",\"replicas\"])", "getpath([\"spec\",\"a\",\"b\",0])", "paths", "path(.spec)", "del(.spec)", ".spec |= empty", ".spec = 1", ".spec + .metadata", "1", "\"spec\"", "[.spec]", "{a: .spec}", "keys[]", "length", "not", "null", "error", "input", "inputs", "$ENV", "$__loc__", "env", "now", "halt",
	".spec | .. | select(. == \"web:1\")", ".spec | .. | select(type == \"string\" and test(\"istio\"))", ".metadata.annotations[]", ".metadata | .annotations, .labels", ".metadata.annotations | to_entries[] | .key",
	".spec.template.spec.containers[] | select(.resources.limits.cpu == \"1\") | .resources.limits.cpu", ".spec.template.spec.containers[].resources | select(. != null) | .limits", ".spec.template.spec.containers[] | select(.name != \"web\")", ".spec.template.spec.containers[] | select(.name == \"web\" | not)", ".spec.template.spec.containers[] | select((.name == \"web\") and (.image | endswith(\":1\")))",
	".spec.template.spec.containers[] | .env |= map(select(.name != \"A\"))", ".spec.template.spec.tolerations", ".spec.template.spec.tolerations[]", ".spec.template.spec.tolerations[]?", "def f: .spec; f.replicas", "def f(g): g | .replicas; f(.spec)", "label $x | .spec, break $x", ".spec | recurse(.template?; . != null)", "nth(1; .spec.template.spec.containers[])", "first", "last", ".[0]", ".[]", ".[]?", ".[].name?", "..|select(has(\"name\")?)",
	// No expressions.
	"", " ", ".spec.", ".spec[", "spec", ".spec | foo", ".spec | select(", ".spec)", "(.spec", ".a) | (.b", "{", "}", "$x", ".spec | $x", "import \"a\" as a; .", "include \"a\"; .", ".spec..replicas", ".spec.template.spec.containers[", "%", ".spec -", "//", ".spec?//", "\"", ".a # comment", "# comment\n.spec",
}
