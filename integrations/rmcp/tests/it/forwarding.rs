//! No method of rmcp's trait is left behind, and none that its clients can send is one that the gate does not know.

use std::{
    collections::BTreeSet,
    future::ready,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt as _,
    model::{
        GetSkillRequestParams, GetSkillResult, ListResourcesResult, ListSkillsResult, PaginatedRequestParams,
        ReadResourceDirectoryRequestParams, Resource, ServerCapabilities, ServerConfig, Skill, SkillFrontmatter,
        SkillResources, SubscriptionFilter,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde_json::json;
use toolgate::{Gate, Ledger, PolicyBundle, Principal, PrincipalKind, Reason, Sources, Timestamp, ToolCall};
use toolgate_rmcp::{Caller, Gated, Host, Settings};
use toolgate_scenarios::{Client, Era, NOW, bundle};

/// Where the rmcp lies that this test was built with.
fn rmcp() -> PathBuf {
    let told = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap();
    let rmcp = packages.iter().find(|one| one["name"] == "rmcp").unwrap();
    PathBuf::from(rmcp["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// The names behind `fn` at the beginning of lines.
fn functions(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().map(str::trim_start);
    let names = lines.filter_map(|line| line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")));
    names.filter_map(|rest| rest.split(['(', '<']).next()).collect()
}

#[test]
fn every_method_of_the_trait_is_forwarded() {
    let text = std::fs::read_to_string(rmcp().join("src/handler/server.rs")).unwrap();
    let (_, rest) = text.split_once("macro_rules! server_handler_methods").unwrap();
    let (methods, bodies) = rest.split_once("pub trait ServerHandler").unwrap();
    let wanted = functions(methods);
    let (body, _) = bodies.split_once("\n}").unwrap();
    assert!(
        body.contains("server_handler_methods!()") && functions(body).is_empty(),
        "methods beside the macro's: {body}"
    );
    assert!(wanted.len() >= 32, "{wanted:?}");
    let ours = include_str!("../../src/forward.rs");
    let (_, ours) = ours.split_once("impl<S: ServerHandler> ServerHandler for Gated<S>").unwrap();
    let missing: Vec<_> = wanted.difference(&functions(ours)).copied().collect();
    assert!(missing.is_empty(), "not forwarded: {missing:?}");
    // Forwarded, not only named: each asks the server behind the gate.
    for name in wanted {
        assert!(ours.contains(&format!("self.inner.{name}(")), "`{name}` does not reach the server");
    }
}

#[test]
fn every_method_that_clients_can_send_is_known_to_the_gate() {
    let text = std::fs::read_to_string(rmcp().join("src/model.rs")).unwrap();
    let methods: BTreeSet<_> = text
        .split("const_string!(")
        .filter_map(|rest| rest.split_once(')')?.0.split_once("Method = "))
        .map(|(_, method)| method.trim_matches('"'))
        .collect();
    assert!(methods.len() >= 30 && methods.contains("skills/get"), "{methods:?}");
    let (gate, now) = (Gate::new(bundle()), Timestamp::parse(NOW).unwrap());
    for method in methods {
        let call = ToolCall::new("notes", "", Principal::new(PrincipalKind::User, "alice"));
        let decision = gate.decide(&ToolCall { method: method.to_owned(), ..call }, &Ledger::new(), now);
        assert!(!decision.reasons().contains(&Reason::UnknownMethod), "{method}");
    }
}

/// A server whose skills nobody would expect.
#[derive(Clone)]
struct Skilled;

fn skill(uri: &str) -> Skill {
    Skill::new(uri, SkillFrontmatter::new("review", "reviews"), SkillResources::Dynamic)
}

impl ServerHandler for Skilled {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_resources().enable_resources_subscribe();
        ServerConfig::new(capabilities.enable_skills_with_directory_read().build())
    }

    async fn list_skills(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        Ok(ListSkillsResult::with_all_items(vec![skill("skill://open/review/SKILL.md")]))
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        Ok(GetSkillResult::new(skill(&request.uri)))
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![Resource::new(format!("{}/a", request.uri), "a")]))
    }
}

/// A server that has done what it is asked for before anybody waits for the answer.
#[derive(Clone, Default)]
struct Eager(Arc<AtomicUsize>);

impl ServerHandler for Eager {
    fn get_info(&self) -> ServerConfig {
        Skilled.get_info()
    }

    fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<GetSkillResult, ErrorData>> + Send + '_ {
        self.0.fetch_add(1, Ordering::Relaxed);
        ready(Ok(GetSkillResult::new(skill(&request.uri))))
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, _: SubscriptionContext) -> Result<(), ErrorData> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A client of a server whose skills are decided by this policy.
async fn client(server: impl ServerHandler, policy: &str) -> Client {
    let mut sources = Sources::default();
    sources.insert("toolgate.toml", "[bundle]\nname = \"s\"\nversion = \"1\"\n[servers.notes]\nverified = true\n");
    sources.insert("tools/notes.json", r#"{"tools": []}"#);
    sources.insert("policies/a.cedar", policy);
    let now = Timestamp::parse(NOW).unwrap();
    let host = Host::new(Settings {
        caller: Some(Caller::new(Principal::new(PrincipalKind::User, "alice"))),
        clock: Box::new(move || now),
        ..Settings::new(PolicyBundle::load(&sources).unwrap(), "notes")
    });
    let gated = Gated::new(server, host.unwrap());
    let (near, far) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move { gated.serve(far).await.unwrap().waiting().await });
    Client::connect(near, Era::Stateless, false).await
}

#[tokio::test]
async fn skills_are_decided_as_the_resources_that_they_are() {
    let mut some = client(
        Skilled,
        r#"@id("open") permit (principal, action == Action::"notes/resources/read", resource)
           when { context.input.uri like "skill://open/*" };"#,
    )
    .await;
    let list = some.request("skills/list", &json!({}), None, None).await;
    assert_eq!(list["result"]["skills"][0]["uri"], "skill://open/review/SKILL.md", "{list}");
    assert_eq!(list["result"]["cacheScope"], "private", "{list}");
    for (method, cursor) in [("skills/get", json!({})), ("resources/directory/read", json!({"cursor": "2"}))] {
        let params = |uri: &str| {
            let mut params = cursor.clone();
            params["uri"] = uri.into();
            params
        };
        let open = some.request(method, &params("skill://open/review/SKILL.md"), None, None).await;
        assert!(open.get("result").is_some(), "{open}");
        let denied = some.request(method, &params("skill://closed/review/SKILL.md"), None, None).await;
        assert_eq!(denied["error"]["code"], -31403, "{denied}");
    }
    let mut none = client(Skilled, r#"@id("none") permit (principal == User::"bob", action, resource);"#).await;
    let list = none.request("skills/list", &json!({}), None, None).await;
    assert_eq!(list["result"]["skills"], json!([]), "{list}");
}

#[tokio::test]
async fn what_is_denied_has_not_begun() {
    let server = Eager::default();
    let open = r#"@id("open") permit (principal, action, resource) when { context.input.uri like "skill://open/*" };"#;
    let open = open.replace("action,", r#"action == Action::"notes/resources/read","#);
    let mut client = client(server.clone(), &open).await;
    for (uri, ran) in [("skill://closed/review/SKILL.md", 0), ("skill://open/review/SKILL.md", 1)] {
        let answer = client.request("skills/get", &json!({"uri": uri}), None, None).await;
        assert_eq!(server.0.load(Ordering::Relaxed), ran, "{answer}");
    }
}

#[tokio::test]
async fn a_stream_tells_of_no_resource_that_may_not_be_read() {
    let server = Eager::default();
    let open = r#"@id("open") permit (principal, action == Action::"notes/resources/read", resource)
        when { context.input.uri like "docs://open/*" };"#;
    let mut client = client(server.clone(), open).await;
    for (filter, ran) in [
        (json!({"resourceSubscriptions": ["docs://closed/a"]}), 0),
        (json!({"resourceSubscriptions": ["docs://open/a"]}), 1),
        (json!({"resourcesListChanged": true}), 2),
    ] {
        let answer = client.request("subscriptions/listen", &json!({"notifications": filter}), None, None).await;
        assert_eq!(server.0.load(Ordering::Relaxed), ran, "{answer}");
        assert_eq!(answer.get("error").is_some(), ran == 0, "{answer}");
    }
}
