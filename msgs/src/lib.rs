//! ROS 2 interface types generated from the `.msg` files in `interfaces/`, with CDR and RIHS01 type hashes.
