/// Who watches which keys.
final class Watchers: @unchecked Sendable {
    /// One client at one key.
    private struct Watcher {
        let client: Client
        /// Whether the key was there when it began to watch.
        let existed: Bool
    }

    private var watchers: [WatchKey: [ObjectIdentifier: Watcher]] = [:]

    var isEmpty: Bool { watchers.isEmpty }

    /// Watches a key for a client.
    func add(_ watch: Client.Watch, _ client: Client) {
        client.watched.append(watch)
        watchers[watch.key, default: [:]][ObjectIdentifier(client)] = Watcher(client: client, existed: watch.existed)
    }

    /// Whether a client watches a key.
    func contains(_ key: WatchKey, by client: Client) -> Bool { watchers[key]?[ObjectIdentifier(client)] != nil }

    /// Lets go of all keys that a client watches.
    func remove(_ client: Client) {
        for watch in client.watched {
            watchers[watch.key]?[ObjectIdentifier(client)] = nil
            if watchers[watch.key]?.isEmpty ?? false { watchers[watch.key] = nil }
        }
        client.watched.removeAll()
        client.isTouched = false
    }

    /// A key was written.
    func touch(_ key: WatchKey) {
        guard let watching = watchers[key] else { return }
        for watcher in watching.values { watcher.client.isTouched = true }
    }

    /// Any key may have been written.
    func touchAll() {
        for watching in watchers.values { for watcher in watching.values { watcher.client.isTouched = true } }
    }

    /// Databases were emptied: whoever watches a key that was there is told.
    func touch(_ databases: Set<Int>) {
        for (key, watching) in watchers where databases.contains(key.database) {
            for watcher in watching.values where watcher.existed { watcher.client.isTouched = true }
        }
    }
}
