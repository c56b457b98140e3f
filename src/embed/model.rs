//! Where the library and the model files are, and whether they are the ones this build was made for.
//!
//! Vectors of another model are not merely worse, they make stored keys meaningless. So the files'
//! checksums are part of the program, and two texts are embedded at every start to see that library,
//! processor and file still compute what they did when the thresholds were measured. Everything that
//! can be wrong here is one sentence that says what to do; the gateway runs on without.

use super::DIMENSIONS;
use super::vector_dot;
use ring::digest;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// The model's file name.
pub const MODEL_FILE: &str = "minilm-l6-v2.int8.onnx";
/// SHA-256 of the model, hexadecimal. Also its identity: stored vectors carry it.
pub const MODEL_SHA256: &str = "35e30a089e0136f5208443a0cfae8db5670b51db41a209db521d355150f02beb";
/// The tokenizer's file name.
pub const TOKENIZER_FILE: &str = "tokenizer.json";
/// SHA-256 of the tokenizer, hexadecimal.
pub const TOKENIZER_SHA256: &str = "3ad857958ba886d154a5a852119fb31a0dd549d03d8a3fc20e33f2336272cc19";
/// Most tokens that the model can take.
pub const MODEL_TOKENS_MAX: usize = 512;
/// Where a packager's or user's library is named.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Texts embedded at every start.
pub const SELF_CHECK_TEXTS: [&str; 2] =
    ["How do I reset my password?", "The derivative of x^2 with respect to x is 2x."];
/// Smallest cosine similarity to the stored vectors; the slowest kind of processor stays above .9977.
pub const SELF_CHECK_SIMILARITY_MIN: f32 = 0.997;
static SELF_CHECK_VECTORS: &[u8; 2 * DIMENSIONS * 4] = include_bytes!("../../models/self_check.f32");

/// Under these names the library lies in a folder.
const LIBRARY_NAMES: [&str; 2] = ["libonnxruntime.so.1", "libonnxruntime.so"];
/// Where `make setup` puts it.
const FETCHED_LIBRARY_DIR: &str = "third_party/onnxruntime/lib";
/// How far above the binary a checkout is looked for: `target/release/deps/` lies three below its root.
const ANCESTORS_MAX: usize = 4;

/// What discovery may look at, as values, so that it can be tested.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// `ORT_DYLIB_PATH`.
    pub library_variable: Option<PathBuf>,
    /// Folder of the running binary.
    pub binary_dir: Option<PathBuf>,
    /// Working folder.
    pub working_dir: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Surroundings {
        Surroundings {
            library_variable: env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from),
            binary_dir: env::current_exe().ok().and_then(|binary| Some(binary.parent()?.to_path_buf())),
            working_dir: env::current_dir().ok(),
        }
    }

    /// The binary's own folder and those above it, nearest first, then the working folder.
    fn roots(&self) -> impl Iterator<Item = &Path> {
        let above_binary = self.binary_dir.iter().flat_map(|dir| dir.ancestors().take(ANCESTORS_MAX));
        above_binary.chain(self.working_dir.as_deref())
    }
}

/// Files that were found and are the right ones.
#[derive(Clone, Debug)]
pub struct Model {
    /// The model's file.
    pub path: PathBuf,
    /// The tokenizer's content.
    pub tokenizer: Vec<u8>,
}

/// Finds ONNX Runtime's library: the configured path, `ORT_DYLIB_PATH`, `lib/` beside the binary,
/// `third_party/onnxruntime/lib` of the checkout or the working folder. `None` leaves it to the
/// system's loader.
///
/// # Errors
/// Something was named explicitly and is not there: going on to another place would hide the mistake.
pub fn find_library(configured: Option<&Path>, around: &Surroundings) -> Result<Option<PathBuf>, String> {
    let named = [(configured, "embedding.library"), (around.library_variable.as_deref(), LIBRARY_VARIABLE)];
    if let Some((path, setting)) = named.into_iter().find_map(|(path, setting)| Some((path?, setting))) {
        let found =
            if path.is_dir() { library_in(path) } else { Some(path.to_path_buf()).filter(|file| file.is_file()) };
        let found =
            found.ok_or_else(|| format!("{setting} names {}, where there is no such library", path.display()))?;
        return Ok(Some(std::path::absolute(&found).unwrap_or(found)));
    }
    let beside = around.binary_dir.iter().map(|dir| dir.join("lib"));
    let fetched = around.roots().map(|root| root.join(FETCHED_LIBRARY_DIR));
    Ok(beside.chain(fetched).find_map(|dir| library_in(&dir)))
}

fn library_in(dir: &Path) -> Option<PathBuf> {
    LIBRARY_NAMES.iter().map(|name| dir.join(name)).find(|file| file.is_file())
}

/// Finds the folder with the model: the configured one, or `models/` beside the binary, in the
/// checkout or in the working folder.
///
/// # Errors
/// One sentence when there is none.
pub fn find_model_dir(configured: Option<&Path>, around: &Surroundings) -> Result<PathBuf, String> {
    if let Some(dir) = configured {
        return Ok(dir.to_path_buf());
    }
    let found = around.roots().map(|root| root.join("models")).find(|dir| dir.join(MODEL_FILE).is_file());
    found.ok_or_else(|| {
        format!("{MODEL_FILE} was not found: set embedding.model_dir to the `models` folder of the distribution")
    })
}

/// Reads and checks the files in `dir`.
///
/// # Errors
/// One sentence when a file is missing, unreadable or another one.
pub fn open(dir: &Path) -> Result<Model, String> {
    let path = dir.join(MODEL_FILE);
    read_checked(&path, MODEL_SHA256)?;
    Ok(Model { path, tokenizer: read_checked(&dir.join(TOKENIZER_FILE), TOKENIZER_SHA256)? })
}

fn read_checked(path: &Path, sha256: &str) -> Result<Vec<u8>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let digest = hex(digest::digest(&digest::SHA256, &bytes).as_ref());
    if digest == sha256 {
        return Ok(bytes);
    }
    Err(format!(
        "{} is damaged or another version ({} bytes, SHA-256 {digest}; this build needs {sha256}): restore it from the distribution",
        path.display(),
        bytes.len()
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The stored vector of the self-check text at `index`.
pub fn self_check_vector(index: usize) -> Vec<f32> {
    let (components, _) = SELF_CHECK_VECTORS.as_chunks::<4>();
    components[index * DIMENSIONS..(index + 1) * DIMENSIONS].iter().copied().map(f32::from_le_bytes).collect()
}

/// Compares what was computed for [`SELF_CHECK_TEXTS`] with what is stored.
///
/// # Errors
/// One sentence with the similarity and the kind of processor.
pub fn judge_self_check(index: usize, computed: &[f32]) -> Result<(), String> {
    let similarity = vector_dot(computed, &self_check_vector(index));
    // Written so that a NaN fails.
    if similarity >= SELF_CHECK_SIMILARITY_MIN {
        return Ok(());
    }
    Err(format!(
        "the model does not compute what it should on this machine: cosine {similarity:.4} to the stored vector of \
         self-check text {index}, at least {SELF_CHECK_SIMILARITY_MIN} expected ({})",
        processor_class()
    ))
}

/// The widest instructions that the model's kernels would use here.
pub fn processor_class() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512vnni") {
            return "AVX-512 VNNI";
        }
        if std::is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if std::is_x86_feature_detected!("avx2") {
            return "AVX2";
        }
        "x86-64 without AVX2"
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        fs::create_dir_all(path.parent().expect("has a folder")).expect("temporary folder");
        fs::write(path, b"x").expect("temporary folder");
    }

    #[test]
    fn the_library_is_looked_for_in_the_documented_order() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let at = |name: &str| dir.path().join(name);
        let places = [
            ("configured/libonnxruntime.so", "configured"),
            ("variable/onnx.so", "variable"),
            ("repo/target/release/lib/libonnxruntime.so.1", "beside"),
            ("repo/third_party/onnxruntime/lib/libonnxruntime.so.1", "checkout"),
            ("work/third_party/onnxruntime/lib/libonnxruntime.so", "working folder"),
        ];
        places.iter().for_each(|(path, _)| touch(&at(path)));
        let mut around = Surroundings {
            library_variable: Some(at(places[1].0)),
            binary_dir: Some(at("repo/target/release")),
            working_dir: Some(at("work")),
        };
        let found = |configured: Option<&Path>, around: &Surroundings| find_library(configured, around).expect("found");
        assert_eq!(found(Some(&at("configured")), &around), Some(at(places[0].0)));
        assert_eq!(found(Some(&at(places[0].0)), &around), Some(at(places[0].0)));
        assert_eq!(found(None, &around), Some(at(places[1].0)));
        around.library_variable = None;
        for (path, what) in &places[2..] {
            assert_eq!(found(None, &around), Some(at(path)), "{what}");
            fs::remove_file(at(path)).expect("temporary folder");
        }
        assert_eq!(found(None, &around), None);
    }

    #[test]
    fn a_named_library_that_is_not_there_is_not_replaced_by_another() {
        let dir = tempfile::tempdir().expect("temporary folder");
        touch(&dir.path().join("lib/libonnxruntime.so.1"));
        let around = Surroundings { binary_dir: Some(dir.path().into()), ..Surroundings::default() };
        let missing = dir.path().join("nowhere.so");
        let sentence = find_library(Some(&missing), &around).expect_err("is not there");
        assert!(sentence.contains("embedding.library") && sentence.contains("nowhere.so"), "{sentence}");
        let around = Surroundings { library_variable: Some(missing), ..around };
        assert!(find_library(None, &around).expect_err("is not there").contains(LIBRARY_VARIABLE));
    }

    #[test]
    fn the_models_are_found_beside_the_binary_or_above_it() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let around = Surroundings { binary_dir: Some(dir.path().join("target/debug/deps")), ..Surroundings::default() };
        let sentence = find_model_dir(None, &around).expect_err("nothing there");
        assert!(sentence.contains(MODEL_FILE) && sentence.contains("embedding.model_dir"), "{sentence}");
        touch(&dir.path().join("models").join(MODEL_FILE));
        assert_eq!(find_model_dir(None, &around), Ok(dir.path().join("models")));
        assert_eq!(find_model_dir(Some(Path::new("/x")), &around), Ok(PathBuf::from("/x")));
    }

    #[test]
    fn damaged_and_missing_files_are_named() {
        let dir = tempfile::tempdir().expect("temporary folder");
        assert!(open(dir.path()).expect_err("nothing there").contains(MODEL_FILE));
        touch(&dir.path().join(MODEL_FILE));
        let sentence = open(dir.path()).expect_err("another file");
        assert!(sentence.contains("damaged") && sentence.contains(MODEL_SHA256), "{sentence}");
    }

    #[test]
    fn the_shipped_files_are_the_right_ones() {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/models"));
        let model = open(models).expect("models/ is part of the repository");
        assert_eq!(model.path, models.join(MODEL_FILE));
        let sums = fs::read_to_string(models.join("SHA256SUMS")).expect("part of the repository");
        for (file, sum) in [(MODEL_FILE, MODEL_SHA256), (TOKENIZER_FILE, TOKENIZER_SHA256)] {
            assert!(sums.contains(&format!("{sum}  {file}")), "{file}");
        }
    }

    #[test]
    fn the_self_check_notices_another_vector() {
        for index in 0..SELF_CHECK_TEXTS.len() {
            let stored = self_check_vector(index);
            assert!((vector_dot(&stored, &stored) - 1.0).abs() < 1e-4);
            assert_eq!(judge_self_check(index, &stored), Ok(()));
            let other = self_check_vector(1 - index);
            assert!(judge_self_check(index, &other).expect_err("another text").contains(processor_class()));
            assert!(judge_self_check(index, &vec![f32::NAN; DIMENSIONS]).is_err());
        }
    }
}
