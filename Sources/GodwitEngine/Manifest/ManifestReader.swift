/// Reads what a store's directory says of itself: `CURRENT`, then the manifest it names, then that manifest's edits.
/// Writes nothing.
enum ManifestReader {
    /// What a manifest was found to say.
    struct Recovered {
        /// The state after the last whole edit.
        let state: ManifestState
        /// The manifest's number.
        let number: UInt64
        /// What `CURRENT` said.
        let current: ManifestFormat.Current
        /// Where the last whole edit ends.
        let length: UInt64
        /// The checksum of the last whole edit.
        let checksum: UInt64
        /// The length of the header and first edit, which hold the state the manifest began with.
        let snapshotLength: UInt64
        /// Whether bytes of an unfinished edit follow.
        let isTorn: Bool
    }

    /// Whether `directory` holds a store (or what is left of one that must not be overwritten).
    static func exists(_ fileSystem: any FileSystem, _ directory: String) throws(EngineError) -> Bool {
        guard try fileSystem.exists(directory) else { return false }
        return try fileSystem.list(directory).contains { name in
            switch FileName(name) {
            case .current, .table, .segment: true
            default: false
            }
        }
    }

    /// Reads a store's manifest.
    static func recover(_ fileSystem: any FileSystem, _ directory: String) throws(EngineError) -> Recovered {
        let path = FileName.current.path(in: directory)
        guard try fileSystem.exists(path) else {
            guard try exists(fileSystem, directory) else {
                throw EngineError(.notFound, "there is no store in \(directory): create one", file: path)
            }
            throw EngineError(
                .corruption, "CURRENT is missing beside tables or log segments: run repair, or restore it", file: path)
        }
        let current = try wholeFile(fileSystem, path).withView { (bytes) throws(EngineError) in
            guard bytes.count == ManifestFormat.currentLength else {
                throw EngineError(
                    .corruption, "CURRENT has \(bytes.count) bytes, not \(ManifestFormat.currentLength)", file: path,
                    offset: 0)
            }
            return try ManifestFormat.decodeCurrent(bytes, file: path)
        }
        let manifest = FileName.manifest(current.manifest).path(in: directory)
        guard try fileSystem.exists(manifest) else {
            throw EngineError(
                .corruption, "the manifest that CURRENT names is missing: run repair, or restore it", file: manifest)
        }
        return try wholeFile(fileSystem, manifest).withView { (bytes) throws(EngineError) in
            try read(bytes, file: manifest, current: current)
        }
    }

    /// Reads the bytes of a manifest as `current` says they count.
    static func read(
        _ bytes: ByteView, file: String, current: ManifestFormat.Current
    ) throws(EngineError) -> Recovered {
        guard current.length <= UInt64(bytes.count) else {
            throw EngineError(
                .corruption, "the manifest ends before byte \(current.length), to where CURRENT says it was written",
                file: file, offset: UInt64(bytes.count))
        }
        let (header, headerChecksum) = try ManifestFormat.decodeHeader(bytes, file: file)
        guard header.number == current.manifest else {
            throw EngineError(
                .corruption, "this is manifest \(header.number) under the name of \(current.manifest)", file: file,
                offset: 16)
        }
        var state = ManifestState(storeID: header.storeID, hashSeed: header.hashSeed)
        var offset = ManifestFormat.headerLength
        var checksum = headerChecksum
        var snapshotLength = 0
        var metCurrent = false
        while let edit = ManifestFormat.edit(in: bytes, at: offset, hashSeed: header.hashSeed) {
            guard edit.previous == checksum else {
                throw damaged("does not follow the one before it", file, offset)
            }
            let decoded = try VersionEdit(
                decoding: edit.payload, file: file, offset: UInt64(offset + ManifestFormat.editHeaderLength))
            do throws(EngineError) {
                try state.apply(decoded)
            } catch {
                throw EngineError(error.code, error.message, file: file, offset: UInt64(offset))
            }
            offset += edit.length
            checksum = edit.checksum
            if snapshotLength == 0 { snapshotLength = offset }
            if UInt64(offset) == current.length {
                guard checksum == current.checksum else {
                    throw damaged("before this place is not the one that CURRENT knows", file, offset)
                }
                metCurrent = true
            }
        }
        guard metCurrent else {
            throw damaged("does not verify, and CURRENT says that it was whole", file, offset)
        }
        if offset < bytes.count, wholeEdit(in: bytes, after: offset, hashSeed: header.hashSeed) {
            throw damaged("does not verify, and a whole one stands after it", file, offset)
        }
        do throws(EngineError) {
            try state.checkWhole()
        } catch {
            throw EngineError(error.code, error.message, file: file, offset: 0)
        }
        return Recovered(
            state: state, number: header.number, current: current, length: UInt64(offset), checksum: checksum,
            snapshotLength: UInt64(snapshotLength), isTorn: offset < bytes.count)
    }

    /// Whether an edit that verifies stands anywhere behind a place where none does.
    private static func wholeEdit(in bytes: ByteView, after offset: Int, hashSeed: UInt64) -> Bool {
        var next = offset + 1
        while next + ManifestFormat.editHeaderLength <= bytes.count {
            if ManifestFormat.edit(in: bytes, at: next, hashSeed: hashSeed) != nil { return true }
            next += 1
        }
        return false
    }

    private static func damaged(_ what: String, _ file: String, _ offset: Int) -> EngineError {
        EngineError(
            .corruption, "the manifest's edit \(what): run repair, or restore a backup", file: file,
            offset: UInt64(offset))
    }

    private static func wholeFile(_ fileSystem: any FileSystem, _ path: String) throws(EngineError) -> [UInt8] {
        let file = try fileSystem.open(path, .read)
        let size = try file.size()
        // Far above any real manifest (some ten million tables), far below what would exhaust memory by itself.
        guard size <= 4 << 30 else {
            throw EngineError(.corruption, "\(size) bytes are too many for a manifest", file: path)
        }
        return try file.read(Int(size), at: 0)
    }
}
