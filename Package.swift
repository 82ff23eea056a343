// swift-tools-version: 6.2
import PackageDescription

/// The settings every Swift target is built with; `docs/HACKING.md` says why.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "godwit",
    products: [
        .library(name: "GodwitEngine", targets: ["GodwitEngine"]),
        .library(name: "GodwitReplication", targets: ["GodwitReplication"]),
        .library(name: "GodwitNode", targets: ["GodwitNode"]),
        .library(name: "LinkProxy", targets: ["LinkProxy"]),
        .executable(name: "godwit", targets: ["godwit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    ],
    targets: [
        .target(name: "CLZ4", linkerSettings: [.linkedLibrary("lz4")]),
        .target(name: "CXXHash"),
        .target(name: "CLinuxIO"),
        .target(
            name: "GodwitEngine", dependencies: ["CLZ4", "CXXHash", "CLinuxIO"],
            swiftSettings: settings),
        .target(
            name: "GodwitSimulation", dependencies: ["GodwitEngine"], swiftSettings: settings),
        .target(
            name: "GodwitReplication", dependencies: ["GodwitEngine"], swiftSettings: settings),
        .target(
            name: "GodwitNode",
            dependencies: [
                "GodwitEngine", "GodwitReplication",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .target(
            name: "GodwitServer",
            dependencies: [
                "CommandSupport", "GodwitEngine", "GodwitNode", "GodwitReplication",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings),
        .target(
            name: "LinkProxy",
            dependencies: [
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .target(
            name: "ClusterSimulation", dependencies: ["GodwitReplication", "GodwitEngine", "GodwitSimulation"],
            swiftSettings: settings),
        .target(name: "CommandSupport", swiftSettings: settings),
        .executableTarget(
            name: "godwit",
            dependencies: [
                "CommandSupport", "GodwitEngine", "GodwitNode", "GodwitReplication", "GodwitServer",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "godwit-demo",
            dependencies: [
                "CommandSupport", "GodwitEngine", "GodwitNode", "GodwitReplication", "GodwitServer", "LinkProxy",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "godwit-sim",
            dependencies: [
                "ClusterSimulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .target(name: "Deadline", path: "Tests/Deadline", swiftSettings: settings),
        .testTarget(
            name: "GodwitCommandTests",
            dependencies: [
                "CommandSupport", "Deadline", "GodwitEngine", "GodwitNode", "GodwitReplication", "GodwitServer",
                "LinkProxy",
                "godwit", "godwit-demo",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GodwitNodeTests",
            dependencies: [
                "Deadline", "GodwitEngine", "GodwitNode", "GodwitReplication", "GodwitServer", "LinkProxy",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GodwitRedisTests",
            dependencies: [
                "GodwitEngine", "GodwitNode", "GodwitReplication", "GodwitServer",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GodwitEngineTests", dependencies: ["GodwitEngine", "GodwitSimulation"],
            swiftSettings: settings),
        .testTarget(
            name: "GodwitReplicationTests",
            dependencies: ["ClusterSimulation", "GodwitReplication", "GodwitEngine", "GodwitSimulation"],
            swiftSettings: settings),
    ]
)

// Without the network: engine, replication and their simulation only. The thread sanitizer builds whatever the package has
// in another flavour, and the network's dependencies would cost it many minutes; `make test-threads` sets this.
if Context.environment["GODWIT_CORE_ONLY"] == "1" {
    let core = [
        "CLZ4", "CXXHash", "CLinuxIO", "GodwitEngine", "GodwitSimulation", "GodwitReplication", "ClusterSimulation",
        "GodwitEngineTests", "GodwitReplicationTests",
    ]
    package.targets.removeAll { !core.contains($0.name) }
    package.products.removeAll { !core.contains($0.name) }
    package.dependencies = []
}
