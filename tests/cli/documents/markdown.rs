//! The blocks of a document.

/// A block that is tried.
pub enum Block {
    /// A file.
    File {
        /// Its path, from the folder of the section.
        path: String,
        /// What it holds.
        content: String,
    },
    /// Commands and what they say.
    Session {
        /// All of it.
        text: String,
    },
}

impl Block {
    /// Whether it is a spec.
    pub fn is_spec(&self) -> bool {
        matches!(self, Block::File { path, .. } if path.ends_with(".seed.yaml"))
    }
}

/// The blocks of a text, in order.
pub fn blocks(text: &str) -> Vec<Block> {
    sections(text).into_iter().flatten().collect()
}

/// The blocks of each `##` section that has some.
pub fn sections(text: &str) -> Vec<Vec<Block>> {
    let mut sections: Vec<Vec<Block>> = vec![Vec::new()];
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("## ") {
            sections.push(Vec::new());
        }
        let Some(info) = line.strip_prefix("```") else { continue };
        let content: String = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let block = match info.split_once(' ') {
            Some((_, path)) => Block::File { path: path.to_string(), content },
            None if info == "console" => Block::Session { text: content },
            None => continue,
        };
        sections.last_mut().unwrap().push(block);
    }
    sections.retain(|section| !section.is_empty());
    sections
}
