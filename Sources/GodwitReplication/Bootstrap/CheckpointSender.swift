internal import GodwitEngine

/// A full copy as it is sent: a checkpoint of this node's store, of which the follower asks for piece after piece.
final class CheckpointSender {
    let directory: String
    private let fileSystem: any FileSystem
    private let checkpoint: Checkpoint
    /// The content of `CHECKPOINT`.
    let description: [UInt8]
    /// Bytes of pieces sent.
    private(set) var sent: UInt64 = 0
    private var open: (index: Int, file: any File)?
    private let piece = ByteWriter(capacity: 256 << 10)

    init(_ checkpoint: Checkpoint, in directory: String, _ fileSystem: any FileSystem) {
        self.checkpoint = checkpoint
        self.directory = directory
        self.fileSystem = fileSystem
        description = checkpoint.encode()
    }

    /// Where the copy ends in the history.
    var point: HistoryPoint { checkpoint.point }
    /// Bytes of all files.
    var bytes: UInt64 { checkpoint.bytes }

    /// Sends the piece that is asked for. Throws `.invalidArgument` for one that is not there.
    func answer(_ request: CopyRequest, send: (Message) -> Void) throws(EngineError) {
        let index = Int(request.file)
        let length = min(Int(request.length), ReplicationFormat.maximumPiece)
        guard index < checkpoint.files.count, request.offset <= checkpoint.files[index].size else {
            throw EngineError(.invalidArgument, "a piece was asked for that the copy does not have")
        }
        let file = try file(index)
        try read(file, min(length, Int(checkpoint.files[index].size - request.offset)), at: request.offset)
        sent += UInt64(piece.count)
        send(.copyData(file: request.file, offset: request.offset, piece.view))
    }

    /// Reads into memory that is used again for each piece.
    private func read(_ file: any File, _ length: Int, at offset: UInt64) throws(EngineError) {
        var outcome = Result<Int, EngineError>.success(0)
        piece.reset(keeping: ReplicationFormat.maximumPiece)
        _ = unsafe piece.appendUninitialized(length) { target in
            outcome = Result { () throws(EngineError) in
                try unsafe file.readFully(
                    into: UnsafeMutableRawBufferPointer(start: target, count: length), at: offset)
            }
            return length
        }
        guard try outcome.get() == length else {
            throw EngineError(.corruption, "a file of a full copy is shorter than it was", file: file.path, offset: offset)
        }
    }

    private func file(_ index: Int) throws(EngineError) -> any File {
        if let open, open.index == index { return open.file }
        let file = try fileSystem.open(directory + "/" + checkpoint.files[index].name, .read)
        open = (index, file)
        return file
    }
}
