"""The same values written for JAX and for PyTorch, in their stable forms, and what automatic differentiation makes of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import torch

from tests.benchmarks.code_workloads import LOG_2PI, Arrays, Workload, layers

Value = Callable[..., Any]

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))


def jax_network(X: Any, Y: Any, **weights: Any) -> Any:
    Z, Ws = X, layers(weights)
    for W in Ws[:-1]:
        Z = jax.nn.relu(Z @ W)
    return -jnp.sum(Y * jax.nn.log_softmax(Z @ Ws[-1], axis=1)) / len(X)


def jax_process(K: Any, y: Any) -> Any:
    L = jnp.linalg.cholesky(K)
    z = jsl.solve_triangular(L, y, lower=True)
    return -0.5 * (z @ z) - jnp.log(jnp.diagonal(L)).sum() - len(y) / 2 * LOG_2PI


def jax_gaussian(Sigma: Any, mu: Any, x: Any) -> Any:
    L = jnp.linalg.cholesky(Sigma)
    Z = jsl.solve_triangular(L, x - mu[:, None], lower=True)
    N = x.shape[1]
    return -0.5 * jnp.sum(Z * Z) - N * jnp.log(jnp.diagonal(L)).sum() - x.size / 2 * LOG_2PI


def torch_network(X: Any, Y: Any, **weights: Any) -> Any:
    Z, Ws = X, layers(weights)
    for W in Ws[:-1]:
        Z = torch.relu(Z @ W)
    return -torch.sum(Y * torch.log_softmax(Z @ Ws[-1], dim=1)) / len(X)


def torch_process(K: Any, y: Any) -> Any:
    L = torch.linalg.cholesky(K)
    z = torch.linalg.solve_triangular(L, y[:, None], upper=False)
    return -0.5 * torch.sum(z * z) - torch.log(torch.diagonal(L)).sum() - len(y) / 2 * LOG_2PI


def torch_gaussian(Sigma: Any, mu: Any, x: Any) -> Any:
    L = torch.linalg.cholesky(Sigma)
    Z = torch.linalg.solve_triangular(L, x - mu[:, None], upper=False)
    return -0.5 * torch.sum(Z * Z) - x.shape[1] * torch.log(torch.diagonal(L)).sum() - x.numel() / 2 * LOG_2PI


IN_JAX: dict[str, Value] = {
    "a": lambda x, A: x @ A @ x,
    "b": lambda w, X, y: jnp.sum(jnp.logaddexp(0, -y * (X @ w))),
    "c": lambda U, V, M, T: jnp.sum((M * (T - U @ V.T)) ** 2),
    "d": jax_network,
    "e": jax_process,
    "f": jax_gaussian,
    "fm": jax_gaussian,
    "g": lambda W, X, Y: -jnp.sum(Y * jax.nn.log_softmax(X @ W, axis=1)),
}
IN_TORCH: dict[str, Value] = {
    "a": lambda x, A: x @ A @ x,
    "b": lambda w, X, y: -torch.sum(torch.nn.functional.logsigmoid(y * (X @ w))),
    "c": lambda U, V, M, T: torch.sum((M * (T - U @ V.T)) ** 2),
    "d": torch_network,
    "e": torch_process,
    "f": torch_gaussian,
    "fm": torch_gaussian,
    "g": lambda W, X, Y: -torch.sum(Y * torch.log_softmax(X @ W, dim=1)),
}


def to_jax(arrays: Arrays) -> dict[str, Any]:
    """The arrays on JAX's device."""
    return {name: jax.block_until_ready(jnp.asarray(a)) for name, a in arrays.items()}


def to_torch(arrays: Arrays) -> dict[str, Any]:
    """The arrays as tensors of their own memory."""
    return {name: torch.tensor(a) for name, a in arrays.items()}


def moving(value: Value, wrt: tuple[str, ...], fixed: Mapping[str, Any]) -> Value:
    """The value as a function of the variables alone, by position."""
    return lambda *X: value(**{**fixed, **dict(zip(wrt, X, strict=True))})


def in_jax(work: Workload, kind: str) -> Callable[..., Any]:
    """jax.jit of jax.value_and_grad, jax.grad or jax.hessian, for the kinds "value", "gradient" and "hessian"."""
    wrt = work.wrt[:1] if kind == "hessian" else work.wrt
    transform = {"value": jax.value_and_grad, "gradient": jax.grad, "hessian": jax.hessian}[kind]
    places = tuple(range(len(wrt)))

    def derivative(**arrays: Any) -> Any:
        by = transform(moving(IN_JAX[work.name], wrt, arrays), argnums=places[0] if len(places) == 1 else places)
        return by(*(arrays[name] for name in wrt))

    return jax.jit(derivative)


def in_torch(work: Workload, kind: str) -> Callable[..., Any]:
    """The value and its gradients by backward, or torch.func.hessian, for the kinds "value" and "hessian"."""
    value = IN_TORCH[work.name]
    if kind == "hessian":
        X = work.wrt[0]
        return lambda **arrays: torch.func.hessian(moving(value, (X,), arrays))(arrays[X])

    def backward(**arrays: Any) -> Any:
        leaves = [arrays[name].detach().requires_grad_() for name in work.wrt]
        f = moving(value, work.wrt, arrays)(*leaves)
        return (f.detach(), *torch.autograd.grad(f, leaves))

    return backward
