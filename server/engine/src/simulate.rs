//! A simulated machine on which a spec can be tried: what the spec starts from is there, what it makes is not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use seed_role::claim::Claim;
use seed_role::host::sim::SimHost;
use seed_role::host::{FileKind, Host};
use seed_role::trouble::{Result, Trouble};
use serde_json::Value as Json;

use crate::project::Project;

/// Files longer than this, in bytes, are not copied: what a spec reads is shorter.
const LONGEST: u64 = 16 << 20;

/// The most files that a folder is copied with.
const MOST: usize = 10_000;

/// A machine with the spec's folder, and with the files and disks that its parameters name and that no role makes.
///
/// # Errors
///
/// When one of them cannot be read.
pub fn world_for(project: &Project, host: &dyn Host) -> Result<SimHost> {
    let world = SimHost::new();
    make_folders(&world, &crate::node::folder_of(&project.path))?;
    let claims = project.graph.nodes.iter().filter_map(|node| node.role.as_ref()).flat_map(|role| role.claims());
    let made: BTreeSet<PathBuf> = claims
        .filter_map(|claim| match claim {
            Claim::Path(path) | Claim::Part(path, _) | Claim::Mount(path) => Some(path),
            _ => None,
        })
        .collect();
    let mut named = BTreeSet::new();
    for node in &project.graph.nodes {
        paths(&node.params.json, &mut named);
    }
    for path in named.iter().filter(|path| !path.ancestors().any(|above| made.contains(above))) {
        bring(&world, host, path)?;
    }
    for folder in project.graph.nodes.iter().filter_map(|node| node.role.as_ref()).flat_map(|role| role.reads()) {
        bring_folder(&world, host, &folder)?;
    }
    world.reset_calls();
    Ok(world)
}

fn paths(json: &Json, found: &mut BTreeSet<PathBuf>) {
    match json {
        Json::String(text) if text.starts_with('/') && !text.contains('\n') => drop(found.insert(PathBuf::from(text))),
        Json::Array(items) => items.iter().for_each(|item| paths(item, found)),
        Json::Object(entries) => entries.values().for_each(|value| paths(value, found)),
        _ => {}
    }
}

fn bring(world: &SimHost, host: &dyn Host, path: &Path) -> Result<()> {
    let Some(metadata) = host.metadata(path)? else { return Ok(()) };
    match metadata.kind {
        FileKind::Block => {
            if let (Some(name), Some(bytes)) = (path.strip_prefix("/dev").ok().and_then(Path::to_str), host.size_of(path)?) {
                world.add_disk(name, bytes);
            }
        }
        FileKind::Directory => make_folders(world, path)?,
        FileKind::File if metadata.len <= LONGEST => {
            if let Some(parent) = path.parent() {
                make_folders(world, parent)?;
            }
            let content = host.read(path, LONGEST)?.unwrap_or_default();
            world.write_file(path, &content, metadata.mode, None)?;
        }
        _ => {}
    }
    Ok(())
}

/// Copies a folder with all files below it; links are not followed.
fn bring_folder(world: &SimHost, host: &dyn Host, folder: &Path) -> Result<()> {
    let mut open = vec![folder.to_path_buf()];
    let mut left = MOST;
    while let Some(path) = open.pop() {
        let Some(there) = host.metadata(&path)? else { continue };
        bring(world, host, &path)?;
        if there.kind == FileKind::Directory {
            open.extend(host.list(&path)?.iter().map(|name| path.join(name)));
        }
        left = left.checked_sub(1).ok_or_else(|| {
            let attempted = format!("copy {} to a simulated machine", folder.display());
            Trouble::new(attempted, format!("it holds more than {MOST} files"))
        })?;
    }
    Ok(())
}

fn make_folders(world: &SimHost, folder: &Path) -> Result<()> {
    let above: Vec<&Path> = folder.ancestors().collect();
    for folder in above.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
        if world.metadata(folder)?.is_none() {
            world.make_folder(folder, 0o755)?;
        }
    }
    Ok(())
}
