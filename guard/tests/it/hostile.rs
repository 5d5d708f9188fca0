//! Clients and servers that die, stammer, shout or lie. The guard stays up or ends with a reason, and forwards nothing that
//! was not decided.

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, task::JoinHandle};
use toolgate_guard::{Ended, between};

use crate::common::{End, LONGEST, call, host_of, tools};

struct Scene {
    client: End,
    server: End,
    guard: JoinHandle<Ended>,
}

impl Scene {
    fn new(longest: usize) -> Self {
        let (client, near) = tokio::io::duplex(1 << 16);
        let (server, far) = tokio::io::duplex(1 << 16);
        let host = host_of(toolgate_scenarios::bundle(), longest, |_| ());
        let guard = tokio::spawn(async move { between(host, near, far).await.unwrap() });
        Self { client: End::new(client), server: End::new(server), guard }
    }

    /// Behind the handshake and the guard's own list.
    async fn ready() -> Self {
        Self::taking(LONGEST).await
    }

    /// As [`Self::ready`], with messages as long as that.
    async fn taking(longest: usize) -> Self {
        let mut scene = Self::new(longest);
        scene.client.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})).await;
        let hello = scene.server.next().await.unwrap();
        scene.server.send(&json!({"jsonrpc": "2.0", "id": hello["id"], "result": {}})).await;
        scene.client.next().await.unwrap();
        scene.client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        assert_eq!(scene.server.next().await.unwrap()["method"], "notifications/initialized");
        scene.list().await;
        scene
    }

    /// The server answers the guard's own list.
    async fn list(&mut self) {
        let list = self.server.next().await.unwrap();
        assert_eq!(list["method"], "tools/list");
        self.server.send(&json!({"jsonrpc": "2.0", "id": list["id"], "result": tools()})).await;
    }

    /// Nothing that was refused has reached the server: the next thing that it gets is a ping.
    async fn only_a_ping(&mut self) {
        self.client.send(&json!({"jsonrpc": "2.0", "id": "ping", "method": "ping"})).await;
        assert_eq!(self.server.next().await.unwrap()["method"], "ping");
        self.server.send(&json!({"jsonrpc": "2.0", "id": "ping", "result": {}})).await;
        while self.client.next().await.unwrap()["id"] != "ping" {}
    }
}

#[tokio::test]
async fn the_server_dies_in_the_midst_of_a_call() {
    let mut scene = Scene::ready().await;
    scene.client.send(&call(1, "read_note")).await;
    assert_eq!(scene.server.next().await.unwrap()["id"], 1);
    drop(scene.server);
    let answer = scene.client.next().await.unwrap();
    assert_eq!(answer["error"]["message"], "toolgate: the server has ended");
    assert_eq!(scene.guard.await.unwrap(), Ended::Server);
}

#[tokio::test]
async fn the_client_dies_in_the_midst_of_a_message() {
    let mut scene = Scene::ready().await;
    let text = call(1, "read_note").to_string();
    scene.client.write(&text[..text.len() / 2]).await;
    drop(scene.client);
    assert_eq!(scene.server.next().await, None, "half a message is none");
    drop(scene.server);
    assert_eq!(scene.guard.await.unwrap(), Ended::Client);
}

#[tokio::test]
async fn the_client_says_its_last_word_and_still_gets_its_answer() {
    let mut scene = Scene::ready().await;
    scene.client.send(&call(1, "read_note")).await;
    scene.client.out.shutdown().await.unwrap();
    assert_eq!(scene.server.next().await.unwrap()["id"], 1);
    scene.server.send(&json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})).await;
    assert_eq!(scene.client.next().await.unwrap()["id"], 1);
    assert_eq!(scene.server.next().await, None);
    drop(scene.server);
    assert_eq!(scene.guard.await.unwrap(), Ended::Client);
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_goes_nowhere() {
    let mut scene = Scene::ready().await;
    for line in ["nonsense", "{", "[]", "7", r#"{"jsonrpc":"2.0"}"#, r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#] {
        scene.client.write(&format!("{line}\n")).await;
        let answer = scene.client.next().await.unwrap();
        assert!(answer["error"]["code"] == -32700 || answer["error"]["code"] == -32600, "{line}: {answer}");
    }
    scene.client.out.write_all(b"\xff\xfe\n").await.unwrap();
    assert_eq!(scene.client.next().await.unwrap()["error"]["code"], -32600);
    scene.only_a_ping().await;
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_and_the_next_one_is_not() {
    let mut scene = Scene::ready().await;
    let long = format!(
        "{}\n",
        json!({"jsonrpc": "2.0", "method": "notifications/x", "params": {"x": "a".repeat(2 * LONGEST)}})
    );
    let (mut out, rest) = (scene.client.out, scene.client.lines);
    let writer = tokio::spawn(async move {
        out.write_all(long.as_bytes()).await.unwrap();
        out
    });
    let mut lines = rest;
    let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(answer["error"]["message"], format!("Refused: longer than the {LONGEST} bytes allowed"));
    scene.client = End { lines, out: writer.await.unwrap() };
    scene.only_a_ping().await;
}

#[tokio::test]
async fn a_line_that_never_ends_goes_nowhere() {
    let mut scene = Scene::ready().await;
    let (mut out, mut lines) = (scene.client.out, scene.client.lines);
    let writer = tokio::spawn(async move {
        let call = call(1, "read_note").to_string();
        for _ in 0..4 {
            out.write_all(" ".repeat(LONGEST).as_bytes()).await.unwrap();
        }
        // What stands at its end is a part of it.
        out.write_all(call.as_bytes()).await.unwrap();
        out.shutdown().await.unwrap();
    });
    let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(answer["error"]["message"], format!("Refused: longer than the {LONGEST} bytes allowed"));
    writer.await.unwrap();
    assert_eq!(scene.server.next().await, None, "no part of it has reached the server");
    drop(scene.server);
    assert_eq!(scene.guard.await.unwrap(), Ended::Client);
}

/// By default, 64 MiB are a message.
#[tokio::test]
async fn fifty_megabytes_pass_as_an_answer_and_not_as_a_call() {
    let mut scene = Scene::taking(toolgate_guard::LONGEST).await;
    let long = "a".repeat(50_000_000);
    scene
        .client
        .send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "read_note", "arguments": {"id": long}}}))
        .await;
    let denied = scene.client.next().await.unwrap();
    assert_eq!(denied["error"]["data"]["reasons"], json!(["limit_exceeded"]));
    scene.client.send(&call(2, "read_note")).await;
    assert_eq!(scene.server.next().await.unwrap()["id"], 2);
    let answer = json!({"jsonrpc": "2.0", "id": 2, "result": {"content": [{"type": "text", "text": long}]}});
    let (sent, came) = tokio::join!(scene.server.send(&answer), scene.client.next());
    let ((), came) = (sent, came.unwrap());
    assert_eq!(came, answer);
}

/// Two messages in one, an id that is none, a name twice: the guard and the server would read different messages.
#[tokio::test]
async fn messages_that_can_be_read_in_two_ways_are_no_messages() {
    let mut scene = Scene::ready().await;
    let call = r#""params":{"name":"admin","arguments":{}}"#;
    for line in [
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call",{call},"params":{{"name":"read_note"}}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":null,"method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":[1],"method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","m\u0065thod":"ping",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},"method":"tools/call",{call}}}"#),
        format!(r#"[{{"jsonrpc":"2.0","id":1,"method":"tools/call",{call}}}]"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping"}}{{"jsonrpc":"2.0","id":2,"method":"tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"notifications/tools/call",{call}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"notifications/cancelled",{call}}}"#),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_note","name":"admin"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_note","n\u0061me":"admin"}}"#
            .to_owned(),
    ] {
        scene.client.write(&format!("{line}\n")).await;
        let answer = scene.client.next().await.unwrap();
        assert!(answer["error"]["code"].as_i64().is_some(), "{line}: {answer}");
    }
    // What has no id is no request, whatever its method: nobody answers, and nobody runs it.
    scene.client.write(&format!("{{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",{call}}}\n")).await;
    scene.only_a_ping().await;
}

#[tokio::test]
async fn answers_to_what_nobody_asked_are_nobodys() {
    let mut scene = Scene::ready().await;
    scene.client.send(&call(1, "read_note")).await;
    assert_eq!(scene.server.next().await.unwrap()["id"], 1);
    // The same id again, while the first is under way: an answer would be taken for the other's.
    scene.client.send(&call(1, "admin")).await;
    let again = scene.client.next().await.unwrap();
    assert_eq!(again["error"]["message"], "Refused: a request with this id has not been answered yet");
    for id in [json!(2), json!("1"), json!(null), json!(1.5), json!("toolgate-1")] {
        scene.server.send(&json!({"jsonrpc": "2.0", "id": id, "result": {"content": []}})).await;
    }
    scene.server.send(&json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [], "n": 1}})).await;
    scene.server.send(&json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [], "n": 2}})).await;
    assert_eq!(scene.client.next().await.unwrap()["result"]["n"], 1);
    scene.only_a_ping().await;
}

#[tokio::test]
async fn a_message_of_the_server_that_is_too_long_ends_the_guard_with_a_reason() {
    let mut scene = Scene::ready().await;
    scene.client.send(&call(1, "read_note")).await;
    scene.server.next().await.unwrap();
    let long = format!("{}\n", json!({"jsonrpc": "2.0", "id": 1, "result": {"x": "a".repeat(2 * LONGEST)}}));
    let mut out = scene.server.out;
    // It ends before all is written.
    let writer = tokio::spawn(async move { out.write_all(long.as_bytes()).await.is_ok() });
    let why = format!("a message of the server is longer than the {LONGEST} bytes allowed");
    assert_eq!(scene.client.next().await.unwrap()["error"]["message"], format!("toolgate: {why}"));
    drop(scene.server.lines);
    assert_eq!(scene.guard.await.unwrap(), Ended::Refused(why));
    writer.abort();
}

#[tokio::test]
async fn ten_thousand_changes_of_the_list_are_one_list_at_a_time() {
    let mut scene = Scene::ready().await;
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    let Scene { mut client, server, guard } = scene;
    let End { mut lines, mut out } = server;
    let shouting = tokio::spawn(async move {
        for _ in 0..10_000 {
            out.write_all(format!("{changed}\n").as_bytes()).await.unwrap();
        }
        out
    });
    for _ in 0..10_000 {
        assert_eq!(client.next().await.unwrap()["method"], "notifications/tools/list_changed");
    }
    let out = shouting.await.unwrap();
    let first: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(first["method"], "tools/list");
    scene = Scene { client, server: End { lines, out }, guard };
    scene.server.send(&json!({"jsonrpc": "2.0", "id": first["id"], "result": tools()})).await;
    scene.list().await;
    scene.only_a_ping().await;
}

#[tokio::test]
async fn denied_calls_and_strange_ones_never_reach_the_server() {
    let mut scene = Scene::ready().await;
    let strange = [
        call(1, "admin"),
        call(2, "no_such_tool"),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call"}),
        json!({"jsonrpc": "2.0", "id": 4, "method": "tools/callx", "params": {"name": "read_note"}}),
        json!({"jsonrpc": "2.0", "id": 5, "method": "Tools/Call", "params": {"name": "read_note"}}),
        json!({"jsonrpc": "2.0", "id": 6, "method": "roots/list"}),
        json!({"jsonrpc": "2.0", "id": 7, "method": "tasks/result", "params": {"taskId": "somebody's"}}),
    ];
    for message in strange {
        scene.client.send(&message).await;
        let answer = scene.client.next().await.unwrap();
        assert_eq!(answer["id"], message["id"]);
        assert!(answer.get("error").is_some() || answer["result"]["isError"] == true, "{answer}");
    }
    // A call is no notification.
    scene.client.send(&json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "read_note"}})).await;
    scene.only_a_ping().await;
}

#[tokio::test]
async fn sixty_four_calls_at_once_each_get_their_own_answer() {
    let mut scene = Scene::ready().await;
    for id in 1..=64 {
        scene.client.send(&call(id, "read_note")).await;
    }
    let mut asked = Vec::new();
    for _ in 0..64 {
        asked.push(scene.server.next().await.unwrap()["id"].as_u64().unwrap());
    }
    for id in asked.iter().rev() {
        scene
            .server
            .send(&json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "structuredContent": id}}))
            .await;
    }
    for id in asked.iter().rev() {
        let answer = scene.client.next().await.unwrap();
        assert_eq!((&answer["id"], &answer["result"]["structuredContent"]), (&json!(id), &json!(id)));
    }
}
