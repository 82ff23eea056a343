/// Who watches which keys.
final class Watchers: @unchecked Sendable {
    private var clients: [WatchKey: [ObjectIdentifier: Client]] = [:]

    var isEmpty: Bool { clients.isEmpty }

    /// Watches a key for a client.
    func add(_ watch: Client.Watch, _ client: Client) {
        client.watched.append(watch)
        clients[watch.key, default: [:]][ObjectIdentifier(client)] = client
    }

    /// Whether a client watches a key.
    func contains(_ key: WatchKey, by client: Client) -> Bool { clients[key]?[ObjectIdentifier(client)] != nil }

    /// Lets go of all keys that a client watches.
    func remove(_ client: Client) {
        for watch in client.watched {
            clients[watch.key]?[ObjectIdentifier(client)] = nil
            if clients[watch.key]?.isEmpty ?? false { clients[watch.key] = nil }
        }
        client.watched.removeAll()
        client.isTouched = false
    }

    /// A key was written.
    func touch(_ key: WatchKey) {
        guard let watching = clients[key] else { return }
        for client in watching.values { client.isTouched = true }
    }

    /// Any key may have been written.
    func touchAll() {
        for watching in clients.values { for client in watching.values { client.isTouched = true } }
    }

    /// A database was emptied: whoever watches a key that was there is told.
    func touch(database: Int) {
        for (key, watching) in clients where key.database == database {
            for client in watching.values where client.watched.contains(where: { $0.key == key && $0.existed }) {
                client.isTouched = true
            }
        }
    }
}
