//! What a file or folder has beside content, owner and mode, as an attribute: access list, capabilities, extended attributes, flags.
//! Most have none, and then it is left out.

use seed_role::attrs::Attrs;
use seed_role::host::attributes::Attributes;
use seed_role::host::{Before, Digest, Host, Owner};
use seed_role::trouble::Result;
use serde_json::{Map, Value as Json};

use super::bytes;

pub(super) const ATTRIBUTES: &str = "attributes";
/// Beside the names of extended attributes, which all hold a dot.
const FLAGS: &str = "flags";

/// Adds them to the attributes seen, if there are any.
pub(super) fn seen(attributes: &Attributes, attrs: Attrs) -> Attrs {
    if attributes.is_empty() {
        return attrs;
    }
    let extended = attributes.extended.iter().map(|(name, value)| (name.clone(), bytes::encode(value.clone())));
    let mut all: Map<String, Json> = extended.collect();
    if attributes.flags != 0 {
        all.insert(FLAGS.into(), attributes.flag_names().map(Json::from).collect());
    }
    attrs.with(ATTRIBUTES, all)
}

/// Those that attributes tell of.
pub(super) fn of(attrs: &Attrs) -> Attributes {
    let all = attrs.get(ATTRIBUTES).and_then(Json::as_object);
    let extended = all.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), bytes::decode(value)?)));
    let flags = all.and_then(|all| all.get(FLAGS)).and_then(Json::as_array);
    Attributes {
        extended: extended.collect(),
        flags: Attributes::flags_named(flags.into_iter().flatten().filter_map(Json::as_str)),
    }
}

/// A file as it was seen, to be compared once more when it is replaced or removed.
pub(super) fn before(host: &dyn Host, seen: &Attrs, content: &[u8]) -> Result<Option<Before>> {
    let (Some(mode), Some(owner)) = (super::access::mode(Some(seen)), super::access::owner(seen)) else { return Ok(None) };
    Ok(Some(Before::File { content: Digest::of(content), mode, owner: host.owner(owner)?, attributes: of(seen) }))
}

/// Why a file that has these cannot be changed; none if it can.
pub(super) fn locked(attrs: &Attrs) -> Option<String> {
    let flag = of(attrs).locked()?;
    let remedy = match flag {
        "immutable" => ": remove it with `chattr -i`",
        "append only" => ": remove it with `chattr -a`",
        _ => "",
    };
    Some(format!("it has the flag `{flag}`{remedy}"))
}

/// The owner of a link: left out where it is this process, as with most.
pub(super) fn link_owner(host: &dyn Host, owner: Owner) -> Option<String> {
    (owner != host.whoami()).then(|| host.owner_name(owner))
}
