//! What the operator asks and what is answered.
//!
//! `GET /v1/nodes`, `GET /v1/sessions`, `POST /v1/sessions/ID/kick`, `POST /v1/nodes/NAME/drain`, `…/maintenance`, `…/resume`.

use ami_mux::{NodeId, Service, SessionId};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;

use super::report::{Complaint, Done, NodeList, NodeReport, SessionList, SessionReport};
use crate::world::World;

/// What is answered: a status, and JSON.
type Reply = Response<Full<Bytes>>;

/// Why a request is not obeyed.
struct Refusal(StatusCode, String);

/// What can be asked.
enum Asked<'a> {
    Nodes,
    Sessions,
    Kick(&'a str),
    Serve(&'a str, Service),
}

impl<'a> Asked<'a> {
    fn at(path: &'a str) -> Option<Self> {
        let words: Vec<&str> = path.strip_prefix("/v1/")?.split('/').collect();
        Some(match *words {
            ["nodes"] => Self::Nodes,
            ["sessions"] => Self::Sessions,
            ["sessions", id, "kick"] => Self::Kick(id),
            ["nodes", name, "drain"] => Self::Serve(name, Service::Draining),
            ["nodes", name, "maintenance"] => Self::Serve(name, Service::Maintenance),
            ["nodes", name, "resume"] => Self::Serve(name, Service::Open),
            _ => return None,
        })
    }

    fn method(&self) -> Method {
        match self {
            Self::Nodes | Self::Sessions => Method::GET,
            Self::Kick(_) | Self::Serve(..) => Method::POST,
        }
    }
}

/// Answers one request of a process of this user.
pub(super) async fn answer<B>(request: &Request<B>, user: Option<u32>, world: &World) -> Reply {
    let path = request.uri().path();
    let Some(asked) = Asked::at(path) else {
        let text = format!("There is nothing at {path}");
        return refused(Refusal(StatusCode::NOT_FOUND, text));
    };
    let method = asked.method();
    if *request.method() != method {
        let text = format!("{path} is asked for with {method}");
        let mut reply = refused(Refusal(StatusCode::METHOD_NOT_ALLOWED, text));
        if let Ok(allow) = HeaderValue::from_str(method.as_str()) {
            reply.headers_mut().insert(ALLOW, allow);
        }
        return reply;
    }
    let obeyed = match asked {
        Asked::Nodes => return json(StatusCode::OK, &nodes(world)),
        Asked::Sessions => return json(StatusCode::OK, &sessions(world)),
        Asked::Kick(id) => kick(id, world),
        Asked::Serve(name, service) => serve(name, service, world).await,
    };
    tracing::info!(
        user,
        request = path,
        obeyed = obeyed.is_ok(),
        "the operator asks"
    );
    match obeyed {
        Ok(done) => json(StatusCode::OK, &Done { done }),
        Err(refusal) => refused(refusal),
    }
}

fn nodes(world: &World) -> NodeList {
    let directory = world.cluster.directory();
    let report = |node: NodeId| {
        let handle = world.cluster.node(node)?;
        Some(NodeReport::of(directory.entry(node)?, handle))
    };
    NodeList {
        nodes: directory.ids().filter_map(report).collect(),
    }
}

fn sessions(world: &World) -> SessionList {
    let directory = world.cluster.directory();
    let name_of = |node| directory.entry(node).map(|entry| entry.name.to_string());
    let mut sessions = world
        .registry
        .map(|facts, queued| SessionReport::of(facts, queued, name_of));
    sessions.sort_unstable_by_key(|session| session.id);
    SessionList { sessions }
}

fn kick(id: &str, world: &World) -> Result<String, Refusal> {
    let known = id
        .parse()
        .is_ok_and(|id| world.registry.kick(SessionId(id)));
    if known {
        Ok(format!("session {id} is closed"))
    } else {
        let text = format!("There is no session {id}");
        Err(Refusal(StatusCode::NOT_FOUND, text))
    }
}

async fn serve(name: &str, service: Service, world: &World) -> Result<String, Refusal> {
    let directory = world.cluster.directory();
    let Some(node) = directory.find(name.as_bytes()) else {
        let names: Vec<&str> = directory
            .ids()
            .filter_map(|node| directory.entry(node))
            .map(|entry| &*entry.name)
            .collect();
        let text = format!(
            "There is no node {name}; the nodes are {}",
            names.join(", ")
        );
        return Err(Refusal(StatusCode::NOT_FOUND, text));
    };
    if !world.cluster.set_service(node, service).await {
        let text = "amiplex is stopping".to_owned();
        return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, text));
    }
    let done = match service {
        Service::Open => format!("node {name} is in service"),
        Service::Draining => format!("node {name} is draining"),
        Service::Maintenance => format!("node {name} is in maintenance"),
    };
    let Some(memory) = &world.node_memory else {
        return Ok(done);
    };
    Ok(match memory.settled().await {
        Ok(()) => done,
        Err(error) => format!("{done}, until amiplex is restarted: {error}"),
    })
}

fn refused(Refusal(status, error): Refusal) -> Reply {
    json(status, &Complaint { error })
}

fn json(status: StatusCode, value: &impl Serialize) -> Reply {
    let (status, body) = match serde_json::to_vec(value) {
        Ok(body) => (status, body),
        Err(error) => {
            tracing::error!(%error, "an admin answer cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, b"{}".to_vec())
        }
    };
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}
