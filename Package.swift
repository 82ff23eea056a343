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
        .executable(name: "godwit", targets: ["godwit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
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
            name: "ClusterSimulation", dependencies: ["GodwitReplication", "GodwitEngine", "GodwitSimulation"],
            swiftSettings: settings),
        .target(name: "CommandSupport", swiftSettings: settings),
        .executableTarget(
            name: "godwit",
            dependencies: [
                "CommandSupport", "GodwitEngine",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "godwit-demo",
            dependencies: [
                "CommandSupport", "GodwitEngine",
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
        .testTarget(
            name: "GodwitCommandTests",
            dependencies: ["CommandSupport", "GodwitEngine", "godwit", "godwit-demo"],
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
