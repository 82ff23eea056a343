import CommandSupport
import GodwitEngine

/// What the commands say of a checkpoint.
struct CheckpointText: Encodable {
    let directory: String
    let store: String
    let position: String
    let bytes: UInt64
    let files: Int

    init(_ checkpoint: Checkpoint, directory: String) {
        self.directory = directory
        store = "\(checkpoint.storeID)"
        position = "\(checkpoint.point.position)"
        bytes = checkpoint.bytes
        files = checkpoint.files.count
    }
}
