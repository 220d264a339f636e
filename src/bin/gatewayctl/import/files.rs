//! The files of a source, read with bounds: they may come from anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// One file, and all of a folder's together.
const LARGEST_FILE: u64 = 16 << 20;
const LARGEST_FOLDER: u64 = 64 << 20;
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 12;

/// The source: one file, or the files of a folder by their paths in it, with `/` between the parts.
pub(crate) struct Files {
    /// As the user wrote it.
    pub(crate) name: String,
    pub(crate) folder: bool,
    pub(crate) content: BTreeMap<String, Vec<u8>>,
    /// Links in the folder: they are not followed.
    pub(crate) links: Vec<String>,
}

impl Files {
    pub(crate) fn read(source: &Path) -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("{}: {error}", source.display());
        let name = source.file_name().unwrap_or(source.as_os_str()).to_string_lossy().into_owned();
        let folder = fs::metadata(source).map_err(fault)?.is_dir();
        let mut files = Self { name, folder, content: BTreeMap::new(), links: Vec::new() };
        if folder {
            files.read_folder(source, "", &mut 0, 0)?;
        } else {
            let bytes = read(source)?;
            files.content.insert(files.name.clone(), bytes);
        }
        Ok(files)
    }

    /// The one file of a source that is no folder.
    pub(crate) fn single(&self) -> Option<(&str, &[u8])> {
        let (name, bytes) = self.content.iter().next().filter(|_| !self.folder)?;
        Some((name, bytes))
    }

    fn read_folder(
        &mut self,
        folder: &Path,
        prefix: &str,
        total: &mut u64,
        depth: usize,
    ) -> Result<(), String> {
        let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
        if depth > DEEPEST {
            return Err(format!(
                "{}: folders are nested more than {DEEPEST} deep",
                folder.display()
            ));
        }
        for entry in fs::read_dir(folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(fault)?;
            if kind.is_symlink() {
                self.links.push(name);
            } else if kind.is_dir() && !entry.file_name().to_string_lossy().starts_with('.') {
                self.read_folder(
                    &entry.path(),
                    &format!("{name}/"),
                    total,
                    depth.saturating_add(1),
                )?;
            } else if kind.is_file() {
                let bytes = read(&entry.path())?;
                *total = total.saturating_add(bytes.len() as u64);
                self.content.insert(name, bytes);
            }
            if *total > LARGEST_FOLDER || self.content.len() > MOST_FILES {
                return Err(format!(
                    "{}: holds more than {} MiB or {MOST_FILES} files: name the extractor's output folder itself",
                    folder.display(),
                    LARGEST_FOLDER >> 20
                ));
            }
        }
        self.links.sort();
        Ok(())
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", file.display());
    let size = fs::metadata(file).map_err(fault)?.len();
    if size > LARGEST_FILE {
        return Err(format!("{}: is larger than {} MiB", file.display(), LARGEST_FILE >> 20));
    }
    fs::read(file).map_err(fault)
}
