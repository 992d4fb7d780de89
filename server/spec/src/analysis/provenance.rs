//! Whose text is part of a role: the files that have a say in what its parameters are.

use std::collections::{BTreeSet, HashMap};

use super::{Analysis, RoleInstance};
use crate::text::FileId;
use crate::tree::NodeKind;

/// What is known of where the roles of an analysis come from.
///
/// A graph of entries and files: an entry leads to those that it names, and where it uses a composite role to the files of that; a
/// file leads to all that stands in it. What can be reached has a say. Rather one file too many is found than one too few.
pub struct Provenance<'a> {
    analysis: &'a Analysis,
    /// The spec and all that it includes. They share their variables, so that each has a say everywhere.
    specs: BTreeSet<FileId>,
    /// The number of the first entry of each file; its own number comes before that.
    starts: Vec<usize>,
    /// The files behind each number.
    behind: Vec<BTreeSet<FileId>>,
}

impl<'a> Provenance<'a> {
    /// Of an analysis.
    pub fn new(analysis: &'a Analysis) -> Self {
        let first = analysis.documents.first().map(|spec| spec.file);
        let specs = first.into_iter().chain(analysis.includes.iter().filter_map(|link| link.file)).collect();
        let mut starts = Vec::with_capacity(analysis.documents.len());
        let mut behind = Vec::new();
        for document in &analysis.documents {
            behind.push(BTreeSet::from([document.file]));
            starts.push(behind.len());
            behind.extend(document.entries.iter().map(|_| BTreeSet::from([document.file])));
        }
        let mut provenance = Provenance { analysis, specs, starts, behind };
        // Without composite roles there are no other files.
        if !analysis.composites.is_empty() {
            provenance.spread();
        }
        provenance
    }

    /// The files whose text can be part of the parameters of a role.
    pub fn files_behind(&self, role: &RoleInstance) -> BTreeSet<FileId> {
        let mut files = self.specs.clone();
        let (mut entry, mut whole) = (role.entry, role.part_of);
        loop {
            files.extend(self.number(entry).into_iter().flat_map(|number| &self.behind[number]));
            let Some(composite) = whole.and_then(|number| self.analysis.composites.get(number)) else { return files };
            (entry, whole) = (composite.entry, composite.part_of);
        }
    }

    fn number(&self, (file, entry): (FileId, usize)) -> Option<usize> {
        Some(self.starts.get(file.0 as usize)? + entry).filter(|number| *number < self.behind.len())
    }

    /// The files of each number grow by those of the numbers that it leads to, until none does any more.
    fn spread(&mut self) {
        let mut led_from: Vec<Vec<usize>> = vec![Vec::new(); self.behind.len()];
        for (from, to) in self.edges() {
            led_from[to].push(from);
        }
        let mut open: Vec<usize> = (0..self.behind.len()).collect();
        while let Some(grown) = open.pop() {
            let files = self.behind[grown].clone();
            for from in &led_from[grown] {
                let before = self.behind[*from].len();
                self.behind[*from].extend(&files);
                if self.behind[*from].len() > before {
                    open.push(*from);
                }
            }
        }
    }

    fn edges(&self) -> Vec<(usize, usize)> {
        let documents = &self.analysis.documents;
        let mut edges = Vec::new();
        let mut named: HashMap<(usize, &str), Vec<usize>> = HashMap::new();
        // What can name each other: all specs, or what stands in the same file.
        let scope = |file: FileId| if self.specs.contains(&file) { 0 } else { file.0 as usize };
        // The outputs in a `role.yml` name what stands in the tasks beside it.
        let mut scopes: HashMap<_, Vec<usize>> = HashMap::new();
        for document in documents.iter().filter(|document| !self.specs.contains(&document.file)) {
            scopes.entry(&document.folder).or_default().push(document.file.0 as usize);
        }
        for (document, start) in documents.iter().zip(&self.starts) {
            for (nth, entry) in document.entries.iter().enumerate() {
                edges.push((start - 1, start + nth));
                named.entry((scope(document.file), &entry.name)).or_default().push(start + nth);
            }
        }
        for composite in &self.analysis.composites {
            let Some(used) = self.number(composite.entry) else { continue };
            let of_it = composite.info.home.as_ref().and_then(|home| scopes.get(&home.folder));
            edges.extend(of_it.into_iter().flatten().map(|file| (used, self.starts[*file] - 1)));
        }
        // Where there are aliases, what is named may belong to an entry that it does not stand in.
        let has_aliases: Vec<bool> = documents
            .iter()
            .map(|document| document.tree.nodes.iter().any(|node| matches!(node.kind, NodeKind::Alias(_))))
            .collect();
        // The files in which all entries count as one.
        let mut shared = BTreeSet::new();
        for reference in &self.analysis.references {
            let file = reference.span.file.0 as usize;
            let (Some(document), Some(start)) = (documents.get(file), self.starts.get(file)) else { continue };
            let beside = scopes.get(&document.folder).filter(|_| !self.specs.contains(&document.file));
            let seen_in = beside.cloned().unwrap_or_else(|| vec![0]);
            let targets: Vec<usize> =
                seen_in.iter().filter_map(|scope| named.get(&(*scope, &*reference.role))).flatten().copied().collect();
            // Entries stand in order.
            let behind = document.entries.partition_point(|entry| entry.span.start <= reference.span.start);
            let around = behind.checked_sub(1).filter(|nth| document.entries[*nth].span.end >= reference.span.end);
            let by_name = reference.from_role.as_deref().and_then(|name| named.get(&(scope(document.file), name)));
            let mut from: Vec<usize> = by_name.into_iter().flatten().copied().chain(around.map(|nth| start + nth)).collect();
            if from.is_empty() || (reference.from_role.is_none() && has_aliases[file]) {
                from.push(start - 1);
                shared.insert(file);
            }
            edges.extend(from.iter().flat_map(|from| targets.iter().map(move |to| (*from, *to))));
        }
        for file in shared {
            let start = self.starts[file];
            edges.extend((start..start + documents[file].entries.len()).map(|entry| (entry, start - 1)));
        }
        edges
    }
}
