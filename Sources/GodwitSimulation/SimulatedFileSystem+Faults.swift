internal import Glibc
public import GodwitEngine

extension SimulatedFileSystem {
    // MARK: Power

    /// Loses power now: every handle dies, every lock is freed, and of what was not synced `outcome` says what is left.
    /// Power that `powerOff` took is back afterwards; planned faults stay.
    public func crash(_ outcome: CrashOutcome = .random) { withDisk { $0.crash(outcome) } }

    /// Takes the power away in the `calls`-th call from now (1: the next one). What that call changes may reach the
    /// disk (unless it is a sync), its caller and all later ones get an error; `crash` ends it. With 1, 2, 3 … until a
    /// run gets through, a test crashes at every call.
    public func powerOff(afterCalls calls: Int) { withDisk { $0.plan.powerOffAt = $0.plan.calls + calls } }

    /// Whether the power is off since `powerOff`.
    public var isPowerOff: Bool { withDisk { $0.plan.isPowerOff } }

    /// How many crashes there were.
    public var crashes: Int { withDisk { $0.generation } }

    // MARK: Faults

    /// Adds a fault to the plan. Calls are counted from now.
    public func inject(_ fault: Fault) { withDisk { $0.plan.add(fault) } }

    /// Drops all planned faults, a power cut among them.
    public func clearFaults() { withDisk { $0.plan.clear() } }

    /// The size of the disk; nil for no limit. Raising it gives space back.
    public var capacity: UInt64? {
        get { withDisk { $0.capacity } }
        set { withDisk { $0.capacity = newValue } }
    }

    /// The bytes that files take.
    public var usedSpace: UInt64 { withDisk { $0.usedSpace } }

    /// How many files may be open at once before `open` fails with `EMFILE`.
    public var openFilesLimit: Int {
        get { withDisk { $0.openFilesLimit } }
        set { withDisk { $0.openFilesLimit = newValue } }
    }

    /// How many files are open.
    public var openFiles: Int { withDisk { $0.openFiles } }

    // MARK: Damage

    /// Flips the bits of `mask` in the byte at `offset` of a file, durably. Throws when there is no such byte.
    public func flipBits(_ path: String, at offset: UInt64, mask: UInt8 = 1) throws(EngineError) {
        let action = "cannot flip bits"
        try withDisk { (disk: inout DiskState) throws(EngineError) in
            let number = try disk.file(path, action)
            guard offset < UInt64(disk.files[number].content.count) else {
                throw .system(action, file: path, errno: EINVAL)
            }
            disk.files[number].flip(mask, at: Int(offset))
        }
    }

    /// Gives a file these bytes, durable at once; makes it, also durably, where it is missing.
    public func setContents(_ path: String, _ bytes: [UInt8]) throws(EngineError) {
        let action = "cannot set the file's contents"
        try withDisk { (disk: inout DiskState) throws(EngineError) in
            let number: Int
            if disk.lookUp(path) != nil {
                number = try disk.file(path, action)
            } else {
                let place = try disk.parent(path, action)
                number = disk.files.count
                disk.files.append(FileNode())
                disk.change(NameChange(removed: nil, added: (place.directory, place.name, .file(number))))
                disk.syncNames(of: place.directory)
            }
            disk.files[number].replace(with: bytes)
        }
    }

    /// Lets the page cache go: where a failed sync dropped data, reads show from now on what the disk has.
    public func evictDroppedPages() {
        withDisk { disk in
            for number in disk.files.indices { disk.files[number].evictDropped() }
        }
    }

    // MARK: Inspection

    /// The paths of all files as readers see them, sorted. Counts as no call.
    public var paths: [String] { withDisk { $0.paths.map(\.path) } }

    /// A file's bytes as readers see them; nil where there is none. Counts as no call.
    public func contents(_ path: String) -> [UInt8]? {
        withDisk { disk in
            guard case .file(let number)? = disk.lookUp(path) else { return nil }
            return disk.files[number].content
        }
    }

    /// A file's bytes as they would be left if everything unsynced were lost; nil where there is none by that name now.
    public func durableContents(_ path: String) -> [UInt8]? {
        withDisk { disk in
            guard case .file(let number)? = disk.lookUp(path) else { return nil }
            return disk.files[number].durableContent
        }
    }

    /// Every file's path, size and bytes as readers see them, in order: equal for equal disks.
    public func snapshotBytes() -> [UInt8] {
        withDisk { disk in
            var bytes: [UInt8] = []
            func append(_ number: Int) {
                for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * shift))) }
            }
            for (path, file) in disk.paths {
                append(path.utf8.count)
                bytes += Array(path.utf8)
                append(disk.files[file].content.count)
                bytes += disk.files[file].content
            }
            return bytes
        }
    }

    /// A 64-bit digest of `snapshotBytes`: FNV-1a over eight bytes at a time, the last ones filled up with zeros.
    public var imageDigest: UInt64 {
        let bytes = snapshotBytes()
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ word: UInt64) { digest = ((digest ^ word) &* 0x0000_0100_0000_01B3) ^ (digest >> 47) }
        unsafe bytes.withUnsafeBytes { buffer in
            for offset in stride(from: 0, to: buffer.count - 7, by: 8) {
                mix(UInt64(littleEndian: unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            }
        }
        mix(bytes.suffix(bytes.count % 8).reduce(0) { $0 << 8 | UInt64($1) })
        return digest
    }

    /// How many calls there were, of all kinds.
    public var callCount: Int { withDisk { $0.plan.calls } }

    /// How many calls of a kind there were.
    public func callCount(of kind: CallKind) -> Int { withDisk { $0.plan.count(of: kind) } }

    /// Whether calls are written down in `trace`.
    public var isTracing: Bool {
        get { withDisk { $0.plan.isTracing } }
        set { withDisk { $0.plan.isTracing = newValue } }
    }

    /// The calls since tracing began, as `write /store/000001.log`.
    public var trace: [String] { withDisk { $0.plan.trace } }
}
