//! The digest of a plan: what a person confirms, so that nothing else runs.

use std::path::Path;

use seed_role::attrs::Observation;
use seed_role::host::Host;
use seed_role::param::{SECRET_MARK, mask};
use seed_spec::analysis::State;
use serde_json::Value as Json;

use super::{Action, Plan, PlannedRole, Wish, World};
use crate::journal::{key, state_folder_of};
use crate::node::Graph;
use crate::stored;

/// The digest of a plan, and whether secrets are part of it: then only who made it can confirm it.
///
/// It covers the spec by its path and `name`, how long backups are kept, the state that is asked for, and of each role that needs something its type, parameters (references left
/// open), commands, action, changes and losses, and whether it is disposable. A secret takes part by a MAC. Roles that need nothing do
/// not count: of them nothing runs.
pub(super) fn of(plan: &Plan, graph: &Graph, world: &World<'_>) -> (String, bool) {
    let mut digest = Digest { hasher: blake3::Hasher::new(), key: Key::Unread, world };
    digest.text(&spec_path(&plan.spec));
    // By its name its journal is found again where the spec is moved.
    digest.text(world.name.unwrap_or_default());
    digest.number(world.keep);
    digest.text(if plan.state == State::Absent { "absent" } else { "present" });
    digest.number(plan.undoes.unwrap_or(0));
    for planned in plan.roles.iter().filter(|planned| planned.action != Action::None) {
        digest.role(planned, &graph.nodes[planned.node].params.json);
    }
    (digest.hasher.finalize().to_hex()[..16].to_string(), !matches!(digest.key, Key::Unread))
}

/// The path of a spec without links, by which it is the same from wherever it is named.
fn spec_path(spec: &str) -> String {
    std::fs::canonicalize(spec).map_or_else(|_| spec.to_string(), |path| path.to_string_lossy().into_owned())
}

enum Key {
    Unread,
    Read([u8; 32]),
    /// It can neither be read nor kept: the digest is good for this process alone.
    None,
}

struct Digest<'a> {
    hasher: blake3::Hasher,
    key: Key,
    world: &'a World<'a>,
}

impl Digest<'_> {
    fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.hasher.update(text.as_bytes());
    }

    fn role(&mut self, planned: &PlannedRole, params: &Json) {
        self.text(&planned.role);
        self.text(&planned.is);
        self.value(params);
        if let Wish::Back { params: Some(then), .. } = &planned.wish {
            self.value(then);
        }
        self.text(planned.action.word());
        self.number(u64::from(planned.disposable));
        self.text(planned.loses.as_deref().unwrap_or(""));
        self.number(planned.changes.len() as u64);
        for change in &planned.changes {
            self.text(&change.field);
            self.value(&unmasked(&change.from));
            self.value(&unmasked(&change.to));
        }
        self.number(planned.commands.len() as u64);
        for command in &planned.commands {
            self.number(command.len() as u64);
            command.iter().for_each(|word| self.text(word));
        }
        // What is refused reads no secret, and what only goes away uses none.
        let goes = matches!(planned.wish, Wish::Back { to: Observation::Absent, .. });
        if !planned.refused && !goes {
            stored::secrets(params, &mut |place| self.secret(place));
        }
    }

    /// A value, its keys in order: how a file has them changes nothing.
    fn value(&mut self, value: &Json) {
        match value {
            Json::Array(items) => {
                self.text("[");
                self.number(items.len() as u64);
                items.iter().for_each(|item| self.value(item));
            }
            Json::Object(entries) => {
                self.text("{");
                self.number(entries.len() as u64);
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by_key(|(name, _)| *name);
                for (name, value) in sorted {
                    self.text(name);
                    self.value(value);
                }
            }
            scalar => self.text(&scalar.to_string()),
        }
    }

    fn secret(&mut self, place: &Json) {
        let host: &dyn Host = self.world.host;
        let revealed = serde_json::from_value(place.clone()).ok().and_then(|secret| host.secret(&secret).ok());
        // One that cannot be had stops its role; its place is among the parameters.
        let Some(secret) = revealed else { return self.text("none") };
        if matches!(self.key, Key::Unread) {
            self.key = key_of(self.world.folder).map_or(Key::None, Key::Read);
        }
        let mac = match &self.key {
            Key::Read(key) => blake3::keyed_hash(key, secret.as_bytes()).to_hex().to_string(),
            Key::Unread | Key::None => mask(secret.as_bytes()),
        };
        self.text(&mac);
    }
}

fn key_of(journal: &Path) -> Option<[u8; 32]> {
    key::of(state_folder_of(journal)?).ok()
}

/// Masks differ from process to process; the secret itself takes part by its MAC.
fn unmasked(value: &Json) -> Json {
    match value {
        Json::String(text) if text.starts_with(SECRET_MARK) => Json::from(SECRET_MARK),
        other => other.clone(),
    }
}
