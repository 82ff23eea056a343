/// The number of a keyspace within its store: given once, never used again after a drop.
public typealias KeyspaceID = UInt32
