/// A named tree of keys within a store: what `put` and `get` take as `in:`. A handle of three words; it stays good until
/// the engine is released, and after the keyspace was dropped answers `.notFound`.
@safe
public struct Keyspace: Hashable, Sendable {
    /// The keyspace's number, never used again after a drop.
    public let id: UInt32
    /// The tree: kept alive by the engine, so that a read counts no reference.
    private let address: UInt

    init(_ tree: Tree) {
        id = tree.id
        address = unsafe UInt(bitPattern: Unmanaged.passUnretained(tree).toOpaque())
    }

    /// Lends the tree.
    @inline(__always)
    func withTree<R>(_ body: (Tree) -> R) -> R {
        unsafe Unmanaged<Tree>.fromOpaque(UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped)
            ._withUnsafeGuaranteedRef { body($0) }
    }

    /// The tree, held by reference.
    var tree: Tree { withTree { $0 } }

    /// The name it was created with.
    public var name: String { withTree { $0.name } }

    /// What it decides for its data.
    public var settings: KeyspaceSettings { withTree { $0.settings } }
}
