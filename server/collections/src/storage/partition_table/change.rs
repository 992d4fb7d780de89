//! The steps that lead from what is there to what is wanted.

use std::path::{Path, PathBuf};

use seed_role::attrs::{Attrs, Observation};
use seed_role::host::Host;
use seed_role::step::{Goal, Kept, Step, Transition};
use seed_role::{Result, Trouble};
use serde_json::{Map, Value as Json};

use super::{CONDITION, DAMAGED, END, LENGTHS, PartitionTable, STARTS, kinds, size_in};
use crate::storage::device::{Window, must_be_there, partition_node, resolved, whole, window};
use crate::storage::gpt_table::{ALIGNMENT, Entry, Table, end_of_room, read, write};
use crate::storage::{holdings, mounts, not_in_place, unknown, wipe};

const MAKE: &str = "write the partition table";

/// The steps of a transition.
pub(super) fn steps(role: &PartitionTable, transition: &Transition<'_>) -> Result<Vec<Step>> {
    match (transition.from, transition.to) {
        (Observation::Unknown(reason), _) => Err(unknown("change the partition table", reason)),
        (Observation::Absent, Goal::Absent) => Ok(Vec::new()),
        (Observation::Present(_), Goal::Absent) => Ok(remove(role, transition.keep.is_some())),
        (Observation::Absent, Goal::Attrs(goal)) => Ok(vec![make(role, goal, transition.kept), tell_kernel(role)]),
        (Observation::Present(from), Goal::Attrs(goal)) => change(role, from, goal),
    }
}

/// Brings back what an interruption left half-done.
pub(super) fn recover(role: &PartitionTable, host: &dyn Host, step: &str) -> Result<()> {
    if step != MAKE {
        return Ok(());
    }
    window(host, &role.device)?.map_or(Ok(()), |window| wipe::wipe(host, &window))
}

/// The device, when it must be there.
fn ready(role: &PartitionTable, host: &dyn Host) -> Result<Window> {
    let file = resolved(host, role.device.ready()?);
    must_be_there(host, &file)?;
    whole(host, &file)
}

fn make(role: &PartitionTable, goal: &Attrs, kept: Option<&Kept>) -> Step {
    let (role, goal) = (role.clone(), goal.clone());
    let kept = kept.and_then(|kept| kept.data.clone());
    let run = move |host: &dyn Host| {
        let window = ready(&role, host)?;
        holdings::must_be_blank(host, &window)?;
        if let Some(data) = kept {
            let pieces: Vec<wipe::Piece> = serde_json::from_str(&data).map_err(|error| Trouble::new(MAKE, error.to_string()))?;
            return wipe::restore(host, &window, &pieces);
        }
        let mut table = Table::new(sector_size(host, &window.file)?, window.len);
        lay(host, &window, &mut table, &goal)?;
        write(host, &window, &table)
    };
    Step::new(MAKE, run).undo_when_interrupted()
}

/// Puts the partitions of the goal into the table; those that are new are made blank.
fn lay(host: &dyn Host, window: &Window, table: &mut Table, goal: &Attrs) -> Result<()> {
    let empty = Map::new();
    let wanted = goal.get("partitions").and_then(Json::as_object).unwrap_or(&empty);
    for (number, (name, entry)) in (1..).zip(wanted) {
        let text = |key: &str| entry.get(key).and_then(Json::as_str);
        let size = text("size").and_then(|size| seed_spec::unit::Size::parse(size).ok()).map(|size| size.0);
        let before = table.entry(number);
        let start = before.as_ref().map_or_else(|| table.next_start(), |before| before.start);
        let room = if before.is_some() { table.room_of(number, window.len) } else { table.end_of_room(window.len) };
        let kind = kinds::uuid_of(text("type").unwrap_or(kinds::DEFAULT))
            .ok_or_else(|| Trouble::new(MAKE, format!("the type of {name} is not known")))?;
        let rest = room.saturating_sub(start).max(before.as_ref().map_or(0, |before| before.len));
        let entry = Entry { start, len: size.unwrap_or(rest), kind, label: text("label").unwrap_or(name).into() };
        if entry.len == 0 || start + entry.len > room.max(table.end_of_room(window.len)) {
            return Err(Trouble::new(MAKE, format!("there is no room for {name}")).hint("make the device larger"));
        }
        if before.is_none() {
            wipe::wipe(host, &Window { offset: window.offset + start, len: entry.len, ..window.clone() })?;
        }
        table.set(number, &entry);
    }
    Ok(())
}

fn tell_kernel(role: &PartitionTable) -> Step {
    let role = role.clone();
    Step::new("let the kernel read the partition table", move |host| host.reread_partitions(role.device.ready()?))
}

fn change(role: &PartitionTable, from: &Attrs, goal: &Attrs) -> Result<Vec<Step>> {
    let changes = from.changes(goal);
    if changes.iter().any(|change| change.field == "type") {
        return Err(not_in_place("type", &format!("what is on {}", role.device.key())));
    }
    let mut steps = Vec::new();
    let is_damaged = from.text(CONDITION) == Some(DAMAGED);
    if is_damaged || changes.iter().any(|change| change.field == "partitions" || change.field == "size") {
        let (role, goal) = (role.clone(), goal.clone());
        // Those that the spec names, that are there, and that the goal has not: what was added to a table that was there.
        let lacks = |name: &str| goal.get("partitions").is_some_and(|wanted| wanted.get(name).is_none());
        let dropped: Vec<u32> = role.numbered().filter(|(_, name, _)| lacks(name)).map(|(number, ..)| number).collect();
        steps.push(Step::new("change the partition table", move |host| {
            let window = ready(&role, host)?;
            let gone = || Trouble::new("change the partition table", "it no longer exists");
            let mut table = read(host, &window)?.ok_or_else(gone)?;
            dropped.iter().for_each(|number| table.remove(*number));
            lay(host, &window, &mut table, &goal)?;
            write(host, &window, &table)
        }));
    }
    if !steps.is_empty() || changes.iter().any(|change| change.field == CONDITION) {
        steps.push(tell_kernel(role));
    }
    Ok(steps)
}

fn remove(role: &PartitionTable, keep: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if keep {
        let device = role.device.clone();
        let save = move |host: &dyn Host| {
            let pieces = window(host, &device)?.map(|window| wipe::save(host, &window)).transpose()?.unwrap_or_default();
            let data = serde_json::to_string(&pieces).map_err(|error| Trouble::new("keep the table", error.to_string()))?;
            Ok(Some(Kept { what: format!("the partition table of {}", device.key()), path: None, data: Some(data) }))
        };
        steps.push(Step::keeping("keep the partition table", save));
    }
    let table = role.clone();
    let wipe = move |host: &dyn Host| {
        refuse_if_mounted(&table, host)?;
        window(host, &table.device)?.map_or(Ok(()), |window| wipe::wipe(host, &window))
    };
    steps.push(Step::new("wipe the partition table", wipe));
    steps.push(tell_kernel(role));
    steps
}

fn refuse_if_mounted(role: &PartitionTable, host: &dyn Host) -> Result<()> {
    let Some(device) = role.node(host)? else { return Ok(()) };
    let nodes: Vec<PathBuf> = (1..=128).map(|number| partition_node(&device, number)).collect();
    mounts::Source::on(nodes).mounts(host)?.first().map_or(Ok(()), |mount| Err(mounts::in_use(mount)))
}

/// The size of the sectors of a device.
fn sector_size(host: &dyn Host, device: &Path) -> Result<u64> {
    if let Some(attached) = host.loops()?.iter().find(|attached| attached.device == device) {
        return Ok(u64::from(attached.sector_size));
    }
    let name = device.file_name().unwrap_or_default();
    let told = Path::new("/sys/class/block").join(name).join("queue/logical_block_size");
    let text = host.read(&told, 64)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&text).trim().parse().unwrap_or(512))
}

/// Whether the partitions that are there can become what the spec says without moving: none gets smaller, and none grows
/// into what comes after it.
pub(super) fn fits_in_place(role: &PartitionTable, seen: &Attrs) -> bool {
    let device = crate::storage::device::foreseen(&role.device).or_else(|| seen.size("size")).unwrap_or(u64::MAX);
    let room = end_of_room(device, 512);
    let mut next = seen.size(END).unwrap_or(0);
    let starts: Vec<u64> = role.partitions.names().filter_map(|name| size_in(seen, STARTS, name)).collect();
    for (name, wanted) in role.partitions.iter() {
        match (size_in(seen, STARTS, name), size_in(seen, LENGTHS, name)) {
            (Some(start), Some(len)) => {
                let limit = starts.iter().copied().filter(|other| *other > start).min();
                // Behind the last of the spec there may be others, that the spec does not name.
                let limit = limit.unwrap_or(if next > start + len { start + len } else { room });
                let wanted = wanted.size.map_or(limit.saturating_sub(start), |size| size.0);
                if wanted + ALIGNMENT <= len
                    || (wanted < len && !wanted_is_rest(role, name))
                    || start + wanted > limit.max(start + len)
                {
                    return false;
                }
            }
            _ => {
                let start = next.max(ALIGNMENT).next_multiple_of(ALIGNMENT);
                let len = wanted.size.map_or_else(|| room.saturating_sub(start), |size| size.0);
                if len == 0 || start + len > room {
                    return false;
                }
                next = start + len;
            }
        }
    }
    true
}

fn wanted_is_rest(role: &PartitionTable, name: &str) -> bool {
    role.partitions.get(name).is_some_and(|partition| partition.rest)
}
