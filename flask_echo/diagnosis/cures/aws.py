"""What to configure at Amazon: from its documentation, and not tested."""

CURES = {
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
    "idle-cut": """\
aws elbv2 modify-load-balancer-attributes --load-balancer-arn ARN \\
    --attributes Key=idle_timeout.timeout_seconds,Value=3600""",
}
