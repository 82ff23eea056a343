/// The manifest's format; `docs/formats/manifest.md` has a worked example. All integers are little-endian.
///
/// Manifest file, `MANIFEST-NNNNNN`: a header, then edits without gaps. The first edit holds the whole state.
///
///     header   0 u64 magic "GODWITMF" | 8 u32 format = 1 | 12 u32 zero | 16 u64 manifest number
///              24 u64 store id, high | 32 u64 store id, low | 40 u64 hash seed
///              48 u64 checksum: XXH3 of bytes 0..<48
///     edit     0 u32 magic "GMED" | 4 u32 payload length
///              8 u64 checksum of the edit before (the header's, for the first)
///              16 u64 checksum: XXH3 of bytes 0..<16, seeded by the XXH3 of the payload, seeded by hash seed ^ offset
///              24 payload: fields {u8 tag, varint length, content}
///
/// `CURRENT`, replaced by a rename when a manifest is begun and at a clean close:
///
///     0 u64 magic "GODWITCU" | 8 u32 format = 1 | 12 u32 zero | 16 u64 manifest number | 24 u64 length
///     32 u64 checksum of the last edit within that length | 40 u64 checksum: XXH3 of bytes 0..<40
///
/// Valid: `CURRENT` and the header verify, and so does every edit, each naming the one before. An edit that does not,
/// at or past the length in `CURRENT`, is a torn tail and ends the manifest, unless a whole edit stands anywhere after
/// it: every edit is synced before the next is written, so a crash tears only the last. Anything else is corruption. An
/// edit verifies by itself, at its own offset, so that one behind a damaged one is found.
enum ManifestFormat {
    static let headerMagic: UInt64 = 0x464D_5449_5744_4F47
    static let currentMagic: UInt64 = 0x5543_5449_5744_4F47
    static let editMagic: UInt32 = 0x4445_4D47
    static let format: UInt32 = 1
    /// The highest format level this build can read and write.
    static let newestLevel: UInt32 = 1

    static let headerLength = 56
    static let editHeaderLength = 24
    static let currentLength = 48

    /// What no file's number reaches: 18 digits, as `FileName` reads them.
    static let highestFileNumber: UInt64 = 1_000_000_000_000_000_000

    static let maximumKeyLength = 16 << 10
    static let maximumNameLength = 255
    /// Keyspace id that stands for "the record itself" in the log.
    static let reservedKeyspace: UInt32 = .max

    /// Whether a reader that does not know the tag may skip its field.
    static func isOptional(_ tag: UInt8) -> Bool { tag & 0x80 != 0 }

    /// What the header says.
    struct Header: Equatable {
        let number: UInt64
        let storeID: StoreID
        let hashSeed: UInt64
    }

    /// What `CURRENT` says.
    struct Current: Equatable {
        let manifest: UInt64
        let length: UInt64
        let checksum: UInt64
    }

    /// Appends a header; returns its checksum.
    static func encode(_ header: Header, into writer: ByteWriter) -> UInt64 {
        let start = writer.count
        writer.append(headerMagic)
        writer.append(format)
        writer.append(UInt32(0))
        writer.append(header.number)
        writer.append(header.storeID.high)
        writer.append(header.storeID.low)
        writer.append(header.hashSeed)
        let checksum = writer.view.dropFirst(start).hash(seed: 0)
        writer.append(checksum)
        return checksum
    }

    /// Reads a header and its checksum.
    static func decodeHeader(_ bytes: ByteView, file: String) throws(EngineError) -> (Header, checksum: UInt64) {
        try check(bytes, length: headerLength, magic: headerMagic, what: "manifest header", file: file)
        let header = Header(
            number: bytes.load(16), storeID: StoreID(high: bytes.load(24), low: bytes.load(32)),
            hashSeed: bytes.load(40))
        return (header, bytes.load(headerLength - 8))
    }

    /// Appends the content of `CURRENT`.
    static func encode(_ current: Current, into writer: ByteWriter) {
        let start = writer.count
        writer.append(currentMagic)
        writer.append(format)
        writer.append(UInt32(0))
        writer.append(current.manifest)
        writer.append(current.length)
        writer.append(current.checksum)
        writer.append(writer.view.dropFirst(start).hash(seed: 0))
    }

    /// Reads the content of `CURRENT`.
    static func decodeCurrent(_ bytes: ByteView, file: String) throws(EngineError) -> Current {
        try check(bytes, length: currentLength, magic: currentMagic, what: "CURRENT", file: file)
        return Current(manifest: bytes.load(16), length: bytes.load(24), checksum: bytes.load(32))
    }

    /// Checks magic, checksum and format of a fixed block whose checksum is its last eight bytes.
    private static func check(
        _ bytes: ByteView, length: Int, magic: UInt64, what: String, file: String
    ) throws(EngineError) {
        guard bytes.count >= length, bytes.load(0, as: UInt64.self) == magic,
            bytes.slice(0, length - 8).hash(seed: 0) == bytes.load(length - 8, as: UInt64.self)
        else {
            throw EngineError(
                .corruption, "the \(what) does not verify: restore or repair the store", file: file, offset: 0)
        }
        let found = bytes.load(8, as: UInt32.self)
        guard found == format, bytes.load(12, as: UInt32.self) == 0 else {
            throw EngineError(
                .unsupportedFormat, "the \(what) has format \(found), of a newer Godwit: use that one", file: file,
                offset: 8)
        }
    }

    /// Appends an edit that will stand at `offset`, its payload being what `payload` appends; returns its checksum.
    static func encodeEdit(
        previous: UInt64, hashSeed: UInt64, offset: UInt64, into writer: ByteWriter, payload: (ByteWriter) -> Void
    ) -> UInt64 {
        let start = writer.count
        writer.append(editMagic)
        writer.append(UInt32(0))
        writer.append(previous)
        writer.append(UInt64(0))
        payload(writer)
        writer.patch(UInt32(writer.count - start - editHeaderLength), at: start + 4)
        let checksum = editChecksum(writer.view.dropFirst(start), hashSeed: hashSeed, offset: offset)
        writer.patch(checksum, at: start + 16)
        return checksum
    }

    /// An edit found in a manifest.
    struct Edit {
        let payload: ByteView
        let previous: UInt64
        let checksum: UInt64
        /// How many bytes it takes, header and payload.
        var length: Int { editHeaderLength + payload.count }
    }

    /// The edit at `offset` of a whole manifest, or nil when none verifies there.
    static func edit(in manifest: ByteView, at offset: Int, hashSeed: UInt64) -> Edit? {
        guard offset + editHeaderLength <= manifest.count, manifest.load(offset, as: UInt32.self) == editMagic else {
            return nil
        }
        let length = Int(manifest.load(offset + 4, as: UInt32.self))
        guard length <= manifest.count - offset - editHeaderLength else { return nil }
        let bytes = manifest.slice(offset, editHeaderLength + length)
        let checksum = bytes.load(16, as: UInt64.self)
        guard editChecksum(bytes, hashSeed: hashSeed, offset: UInt64(offset)) == checksum else { return nil }
        return Edit(payload: bytes.dropFirst(editHeaderLength), previous: bytes.load(8), checksum: checksum)
    }

    private static func editChecksum(_ edit: ByteView, hashSeed: UInt64, offset: UInt64) -> UInt64 {
        let payload = edit.dropFirst(editHeaderLength).longHash(seed: hashSeed ^ offset)
        return edit.slice(0, 16).hash(seed: payload)
    }
}
