internal import Synchronization

/// A keyspace's data: one LSM tree. Its current view is a single word, so that a reader needs no lock and no reference
/// count to use it.
@safe
final class Tree: @unchecked Sendable {
    let id: KeyspaceID
    let name: String
    private let settingsLock = Lock()
    private var storedSettings: KeyspaceSettings
    private let storedDefaultTTL: Atomic<UInt64>
    private let current: Atomic<UInt>
    private let dropped = Atomic<Bool>(false)

    init(id: KeyspaceID, name: String, settings: KeyspaceSettings, view: TreeView) {
        self.id = id
        self.name = name
        storedSettings = settings
        storedDefaultTTL = Atomic(settings.defaultTTL)
        current = Atomic(unsafe UInt(bitPattern: Unmanaged.passRetained(view).toOpaque()))
    }

    deinit {
        unsafe Self.reference(current.load(ordering: .relaxed)).release()
    }

    /// What the keyspace decides for its data.
    var settings: KeyspaceSettings {
        get { settingsLock.withLock { storedSettings } }
        set {
            settingsLock.withLock { storedSettings = newValue }
            storedDefaultTTL.store(newValue.defaultTTL, ordering: .relaxed)
        }
    }

    /// How long an entry written without a deadline lives, in milliseconds; 0 for ever.
    var defaultTTL: UInt64 { storedDefaultTTL.load(ordering: .relaxed) }

    /// Whether the keyspace was dropped; its handle then only answers `.notFound`.
    var isDropped: Bool { dropped.load(ordering: .acquiring) }

    /// Marks the keyspace as dropped.
    func markDropped() { dropped.store(true, ordering: .releasing) }

    /// Lends the current view without a reference count. The caller is inside `EpochDomain.read`.
    @inline(__always)
    func withView<R>(_ body: (TreeView) -> R) -> R {
        unsafe Self.reference(current.load(ordering: .acquiring))._withUnsafeGuaranteedRef { body($0) }
    }

    /// The current view, held by reference.
    var view: TreeView {
        EpochDomain.read { unsafe Self.reference(current.load(ordering: .acquiring)).takeUnretainedValue() }
    }

    /// Makes `next` the current view and returns the old one, which must be kept until no reader can be using it. Callers
    /// hold the store's structure lock.
    func replace(with next: TreeView) -> TreeView {
        let bits = unsafe UInt(bitPattern: Unmanaged.passRetained(next).toOpaque())
        return unsafe Self.reference(current.exchange(bits, ordering: .acquiringAndReleasing)).takeRetainedValue()
    }

    @inline(__always)
    private static func reference(_ bits: UInt) -> Unmanaged<TreeView> {
        unsafe Unmanaged<TreeView>.fromOpaque(UnsafeRawPointer(bitPattern: bits).unsafelyUnwrapped)
    }
}
